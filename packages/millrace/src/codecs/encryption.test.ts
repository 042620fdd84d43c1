import { randomBytes } from 'node:crypto';
import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import type { Json } from '../core/json.ts';
import { snooze } from '../core/outcome.ts';
import { encryption, type EncryptionOptions } from './encryption.ts';

const old = randomBytes(32);
const young = randomBytes(32);
const mail = { kind: 'mail', version: 1 };
const both = encryption({ keys: { old, young }, current: 'young' });

type Sealed = { readonly kid: string; readonly data: string; readonly version?: number };

const sealedBy = async (options: EncryptionOptions, payload: Json = { to: 'ann' }) =>
  (await encryption(options).encode(payload, mail)) as Sealed;

describe('encryption', () => {
  it.each<Json>([{ to: 'ann', deep: [{ ß: '😀' }] }, [], 'text', 0, false, null])(
    'gives back exactly what it was given: %j',
    async (payload) => {
      expect(await both.decode(await both.encode(payload, mail), mail)).toEqual(payload);
    },
  );

  it('never makes the same of the same twice, and shows nothing but the id of the key', async () => {
    const made = [await both.encode({ to: 'ann' }, mail), await both.encode({ to: 'ann' }, mail)];
    const [first, second] = made as unknown as Sealed[];
    expect(first?.data).not.toBe(second?.data);
    expect(first).toEqual({
      'millrace:encrypted': 1,
      kid: 'young',
      version: 1,
      data: expect.stringMatching(/^[A-Za-z0-9+/]+=*$/) as string,
    });
  });

  it('decrypts with every key that it has, and encrypts with the current one', async () => {
    const before = await sealedBy({ keys: { old }, current: 'old' });
    expect(before.kid).toBe('old');
    expect(await both.decode(before as unknown as Json, mail)).toEqual({ to: 'ann' });
    const inText = encryption({ keys: { young: young.toString('base64') }, current: 'young' });
    expect(await inText.decode(await both.encode([1], mail), mail)).toEqual([1]);
  });

  it('says which key is missing', async () => {
    const before = (await sealedBy({ keys: { old }, current: 'old' })) as unknown as Json;
    const without = encryption({ keys: { young }, current: 'young' });
    expect(() => without.decode(before, mail)).toThrow(
      expect.objectContaining({
        code: 'MILLRACE_ENCRYPTION_KEY_MISSING',
        message: expect.stringContaining("'old'") as string,
      }),
    );
  });

  it('refuses what was changed, moved to another kind or version, or sealed with another key', async () => {
    const sealed = await sealedBy({ keys: { young }, current: 'young' });
    const bytes = Buffer.from(sealed.data, 'base64');
    const flipped = (at: number) => {
      const changed = Buffer.from(bytes);
      changed.writeUInt8(changed.readUInt8(at) ^ 1, at);
      return { ...sealed, data: changed.toString('base64') };
    };
    const tries: [unknown, typeof mail][] = [
      [flipped(0), mail],
      [flipped(14), mail],
      [flipped(bytes.length - 1), mail],
      [{ ...sealed, kid: 'old' }, mail],
      [{ ...sealed, data: '' }, mail],
      [{ ...sealed, data: bytes.subarray(0, 27).toString('base64') }, mail],
      [{ ...sealed, data: 5 }, mail],
      [{ ...sealed, 'millrace:encrypted': 2 }, mail],
      [sealed, { ...mail, kind: 'pay' }],
      [sealed, { ...mail, version: 2 }],
    ];
    for (const [stored, about] of tries) {
      expect(() => both.decode(stored as Json, about)).toThrow(
        expect.objectContaining({ code: 'MILLRACE_ENCRYPTION_INVALID' }),
      );
    }
    expect(await both.decode(sealed as unknown as Json, mail)).toEqual({ to: 'ann' });
  });

  it('lets payloads pass that are not encrypted, unless told otherwise', async () => {
    expect(await both.decode({ to: 'ann' }, mail)).toEqual({ to: 'ann' });
    const strict = encryption({ keys: { young }, current: 'young', allowPlain: false });
    expect(() => strict.decode({ to: 'ann' }, mail)).toThrow(
      expect.objectContaining({ code: 'MILLRACE_ENCRYPTION_INVALID' }),
    );
  });
});

describe('encrypted results', () => {
  const context = { id: '7', kind: 'mail' } as Parameters<typeof both.attempt>[0];
  const after = (returned: unknown, options: Partial<EncryptionOptions> = {}) =>
    encryption({ keys: { young }, current: 'young', ...options }).attempt(context, () =>
      Promise.resolve(returned),
    );

  it('are bound to their job, and shown by open to whoever has the key', async () => {
    const result = (await after({ paid: 5 })) as Json;
    const payload = await both.encode({ to: 'ann' }, mail);
    const job = { id: '7', kind: 'mail', payload, result };
    expect(both.open(job)).toEqual({ payload: { to: 'ann' }, result: { paid: 5 } });
    expect(both.open({ ...job, result: null, payload: [1] })).toEqual({
      payload: [1],
      result: null,
    });
    expect(() => both.open({ ...job, id: '8' })).toThrow(
      expect.objectContaining({ code: 'MILLRACE_ENCRYPTION_INVALID' }),
    );
  });

  it('leave requests, nothing, and what is no JSON to the engine', async () => {
    const later = snooze('1h');
    const symbol = Symbol('no JSON');
    for (const each of [later, undefined, null, symbol]) expect(await after(each)).toBe(each);
  });

  it('are readable where that is asked for', async () => {
    expect(await after({ paid: 5 }, { results: false })).toEqual({ paid: 5 });
  });
});

describe('keys', () => {
  it.each<[Partial<EncryptionOptions>, string]>([
    [{ keys: {} }, 'keys must be an object of one key or more'],
    [{ keys: { young: 'c2hvcnQ=' } }, "keys['young'] must be 32 bytes"],
    [{ keys: { young: 5 as never } }, "keys['young'] must be 32 bytes"],
    [{ current: 'other' }, "'other' is none"],
    [{ current: undefined as never }, "'' is none"],
  ])('that are wrong are refused, and not shown: %j', (wrong, message) => {
    const options = { keys: { young }, current: 'young', ...wrong };
    expect(() => encryption(options)).toThrow(message);
    expect(() => encryption(options)).not.toThrow('c2hvcnQ');
  });

  it('are not in what a debugger or a log shows of the middleware', () => {
    const shown = inspect(both, { depth: 10, showHidden: true });
    expect(shown).not.toContain(young.toString('hex').slice(0, 8));
    expect(JSON.stringify(both)).toBe('{"confidential":true}');
  });
});
