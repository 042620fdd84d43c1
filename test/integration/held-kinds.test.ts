import { OpenFeature, TypedInMemoryProvider } from '@openfeature/server-sdk';
import { describe, expect, it } from 'vitest';
import { defineJob, flag, type MillraceEvent } from 'millrace';
import { openFeature } from 'millrace/openfeature';
import { createTestMillrace } from '../helpers/millrace.ts';
import { identity, openStorage } from '../helpers/storage.ts';
import { until } from '../helpers/until.ts';

/** Flags of OpenFeature's own SDK, each on or off, under a name of its own. */
async function inMemory(domain: string, on: Readonly<Record<string, boolean>>) {
  const settings = (values: Readonly<Record<string, boolean>>) =>
    Object.fromEntries(
      Object.entries(values).map(([name, isOn]) => [
        name,
        {
          variants: { on: true, off: false },
          defaultVariant: isOn ? ('on' as const) : ('off' as const),
          disabled: false,
        },
      ]),
    );
  const provider = new TypedInMemoryProvider(settings(on));
  await OpenFeature.setProviderAndWait(domain, provider);
  return {
    client: OpenFeature.getClient(domain),
    set: (values: Readonly<Record<string, boolean>>) => provider.putConfiguration(settings(values)),
  };
}

describe('jobs of a kind that a flag holds back', () => {
  it('W18: wait until it lets them go, while others run, and are not told of as unserved', async () => {
    const ran: string[] = [];
    const seen: boolean[] = [];
    const { client, set } = await inMemory('held', { 'send-mail': false, 'new-layout': true });
    const held = defineJob({
      kind: 'held',
      enabled: flag('send-mail'),
      async handler(_, { id, flags }) {
        seen.push(await flags.boolean('new-layout', false), await flags.boolean('unknown', true));
        ran.push(id);
      },
    });
    const free = defineJob({ kind: 'free', handler: (_, { id }) => void ran.push(id) });
    await using app = await createTestMillrace({
      jobs: [held, free],
      flags: openFeature(client),
    });
    const { millrace } = app;
    const waiting = await millrace.enqueueMany(Array.from({ length: 5 }, () => held.with()));
    const [first] = waiting;
    await millrace.createWorker().start();
    const one = await millrace.enqueue(free);
    await until('the free one has run', () => ran.includes(one.id));
    expect(ran).toEqual([one.id]);
    await until(
      'everybody can see it',
      async () => (await millrace.why(first?.id ?? '')).code === 'held_by_flag',
    );
    const storage = openStorage(app.database.url);
    expect(await storage.session().unserved(0)).toEqual([]);
    await storage.close();
    set({ 'send-mail': true, 'new-layout': true });
    await until('all have run', () => ran.length === 6);
    expect(seen).toEqual(Array.from({ length: 5 }, () => [true, true]).flat());
    set({ 'send-mail': false });
    await until(
      'it is held again',
      async () =>
        (await app.database.query('SELECT FROM millrace.worker WHERE held_kinds <> $1', [[]]))
          .length === 1,
    );
  });

  it('stay as they were while nobody can say, which is told once', async () => {
    const events: MillraceEvent[] = [];
    const { client, set } = await inMemory('failing', { 'send-mail': false });
    const job = defineJob({ kind: 'held', enabled: flag('send-mail'), handler() {} });
    await using app = await createTestMillrace({ jobs: [job], flags: openFeature(client) });
    app.millrace.subscribe((event) => events.push(event));
    const { id } = await app.millrace.enqueue(job);
    await app.millrace.createWorker().start();
    // The flag is gone, and its default would be to run.
    set({});
    await until('it is told', () => events.some(({ name }) => name === 'flag:failed'));
    expect(events.find(({ name }) => name === 'flag:failed')?.data).toMatchObject({
      flag: 'send-mail',
      kind: 'held',
      error: { message: expect.stringContaining('FLAG_NOT_FOUND') as string },
    });
    expect((await app.millrace.get(id))?.state).toBe('available');
    set({ 'send-mail': true });
    await until('it has run', async () => (await app.millrace.get(id))?.state === 'completed');
    expect(events.filter(({ name }) => name === 'flag:failed')).toHaveLength(1);
  });

  it('without a provider follow the default of the flag, as a handler gets its fallbacks', async () => {
    const answers: unknown[] = [];
    const off = defineJob({ kind: 'off', enabled: flag('off', { default: false }), handler() {} });
    const on = defineJob({
      kind: 'on',
      enabled: flag('on'),
      async handler(_, { flags }) {
        answers.push(await flags.boolean('a', true));
        answers.push(await flags.number('b', 3), await flags.string('c', 'd'));
      },
    });
    await using app = await createTestMillrace({ jobs: [off, on] });
    const held = await app.millrace.enqueue(off);
    const { id } = await app.millrace.enqueue(on);
    await using worker = app.millrace.createWorker();
    await worker.tick();
    expect((await app.millrace.get(id))?.state).toBe('completed');
    expect((await app.millrace.get(held.id))?.state).toBe('available');
    expect(answers).toEqual([true, 3, 'd']);
  });
});

it('what a worker leaves out is no reason to call jobs unserved, and a new identity says it too', async () => {
  let isOn = false;
  const job = defineJob({ kind: 'held', enabled: () => isOn, handler() {} });
  await using app = await createTestMillrace({ jobs: [job] });
  await app.millrace.createWorker().start();
  const heldOf = async () =>
    app.database.query<{ no: number; held: string[] }>(
      'SELECT no, held_kinds AS held FROM millrace.worker',
    );
  await until('it is known', async () => (await heldOf())[0]?.held.length === 1);
  const no = (await heldOf())[0]?.no ?? 0;
  const storage = openStorage(app.database.url);
  await storage.session().register(identity(1, { kinds: [], queues: [] }));
  const found = (await storage.session().look()).sightings.find((one) => one.no === no);
  await storage
    .session()
    .declareDead([{ no, beat: found?.beat ?? '', crashed: false }])
    .catch(() => []);
  await app.database.query('DELETE FROM millrace.worker WHERE no = $1', [no]);
  await until('the new identity has said it', async () =>
    (await heldOf()).some((one) => one.no !== no && one.held.length === 1),
  );
  isOn = true;
  await until('it is let go', async () => (await heldOf()).every(({ held }) => held.length === 0));
  await storage.close();
});
