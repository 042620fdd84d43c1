import { expect, it } from 'vitest';
import { keyIdOf, sealedError } from './envelope.ts';

it('the key of what is encrypted is told from anything else', () => {
  expect(keyIdOf({ 'millrace:encrypted': 1, kid: 'a', data: '' })).toBe('a');
  expect(keyIdOf({ 'millrace:encrypted': 1 })).toBe('');
  const others = [null, undefined, 'millrace:encrypted', 5, [], {}, { kid: 'a', data: '' }];
  expect(others.filter((each) => keyIdOf(each) !== undefined)).toEqual([]);
  expect(sealedError('a').message).toContain("'a'");
});
