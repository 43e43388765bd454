import { expect, test } from 'vitest';
import type { SignalDefinition } from '../frames/messages.ts';
import type { SignalAccess } from './access.ts';
import { createMemoryJournal, type Journal } from './journal.ts';
import { routerLimits } from './limits.ts';
import { createRig, type Rig, type TestLine } from './router-rig.suite.ts';

const signal = (address: string): SignalDefinition => ({
  address,
  signal: 'param',
  datatype: 'f32',
  access: 'rw',
});

test('an ANNOUNCE is acknowledged by its namespace; QUERY finds what matches, without meta', async () => {
  const rig = createRig();
  const [maker, asker] = [await rig.join(), await rig.join()];
  const meta = { unit: 'dB', description: 'gain' };
  maker.say({
    type: 'announce',
    namespace: '/ns',
    signals: [
      { ...signal('/ns/a'), meta },
      { address: '/other', signal: 'event' },
    ],
  });
  expect(maker.all).toEqual([{ type: 'ack', address: '/ns' }]);
  asker.say({ type: 'query', pattern: '/ns/**' });
  expect(asker.messages('result')[0]?.signals).toEqual([signal('/ns/a')]);
  asker.forget();
  asker.say({ type: 'query', pattern: '/none' });
  expect(asker.all).toEqual([{ type: 'result', signals: [] }]);
  asker.say({ type: 'query', pattern: 'none' });
  expect(asker.errorCodes).toEqual([202]);
});

test('what was announced lapses after its time, counted from its last ANNOUNCE', async () => {
  const rig = createRig({ options: { sessionIdleMs: 0 } });
  const line = await rig.join();
  const announce = (address: string): void =>
    line.say({ type: 'announce', namespace: '/', signals: [signal(address)] });
  announce('/a');
  announce('/b');
  await rig.clock.advance(routerLimits.announcedMs - 1);
  announce('/a');
  await rig.clock.advance(1);
  line.forget();
  line.say({ type: 'query', pattern: '/**' });
  expect(line.messages('result')[0]?.signals).toEqual([signal('/a')]);
});

test('a session announces announcedPerSessionMax signals, all sessions together announcedMax', async () => {
  const rig = createRig({ options: { messagesPerSecondMax: 0 } });
  const { announcedPerSessionMax, announcedMax } = routerLimits;
  const announce = async (count: number, prefix: string): Promise<number[]> => {
    const line = await rig.join();
    for (let i = 0; i < count; i += 500) {
      const length = Math.min(500, count - i);
      const signals = Array.from({ length }, (_, j) => signal(`/${prefix}/${i + j}`));
      line.say({ type: 'announce', namespace: '/', signals });
    }
    return line.errorCodes;
  };
  expect(await announce(announcedPerSessionMax, 'a')).toEqual([]);
  expect(await announce(announcedPerSessionMax + 1, 'b')).toEqual([400]);
  for (let session = 2; session * announcedPerSessionMax < announcedMax; session += 1) {
    expect(await announce(announcedPerSessionMax, `s${session}`)).toEqual([]);
  }
  expect(await announce(1, 'over')).toEqual([400]);
  const asker = await rig.join();
  asker.say({ type: 'query', pattern: '/**' });
  await rig.clock.advance(0);
  const results = asker.messages('result');
  expect(results.flatMap(({ signals }) => signals)).toHaveLength(announcedMax);
  expect(results.length).toBeGreaterThan(3);
});

test('texts of what is announced have announcedTextBytesMax bytes, or nothing is announced', async () => {
  const rig = createRig();
  const line = await rig.join();
  const { announcedTextBytesMax } = routerLimits;
  const announce = (more: object): void =>
    line.say({
      type: 'announce',
      namespace: '/',
      signals: [signal('/a'), { ...signal('/b'), ...more }],
    });
  for (const name of ['datatype', 'access']) {
    announce({ [name]: 'x'.repeat(announcedTextBytesMax + 1) });
    announce({ [name]: 'ä'.repeat(announcedTextBytesMax / 2 + 1) });
  }
  expect(line.errorCodes).toEqual([402, 402, 402, 402]);
  line.forget();
  line.say({ type: 'query', pattern: '/**' });
  expect(line.messages('result')[0]?.signals).toEqual([]);
  announce({ datatype: 'x'.repeat(announcedTextBytesMax) });
  expect(line.errorCodes).toEqual([]);
});

test('all sessions together announce announcedBytesMax bytes; the same again is no more', async () => {
  const rig = createRig({ options: { messagesPerSecondMax: 0, sessionIdleMs: 0 } });
  const { announcedBytesMax, announcedMs } = routerLimits;
  const bytes = 1_000;
  const announce = async (first: number): Promise<TestLine> => {
    const line = await rig.join();
    for (let i = first; i < first + 1_500; i += 50) {
      const signals = Array.from({ length: 50 }, (_, j) => ({
        address: `/${i + j}/`.padEnd(bytes, 'x'),
        signal: 'param' as const,
      }));
      line.say({ type: 'announce', namespace: '/', signals });
    }
    return line;
  };
  let [told, line] = [0, await announce(0)];
  while (line.errors.length === 0) {
    told += 1_500;
    line = await announce(told);
  }
  expect(new Set(line.errors)).toEqual(new Set(['400 AtCapacity: too much text is announced']));
  told += line.messages('ack').length * 50;
  expect(told * bytes).toBeLessThanOrEqual(announcedBytesMax);
  expect((told + 50) * (bytes + 8)).toBeGreaterThan(announcedBytesMax);
  expect((await announce(0)).errors).toEqual([]);
  await rig.clock.advance(announcedMs);
  expect((await announce(20_000)).errors).toEqual([]);
});

async function createJournaled(journal: Journal = createMemoryJournal()): Promise<Rig> {
  const rig = createRig({ journal, options: { messagesPerSecondMax: 0 } });
  const writer = await rig.join();
  for (let i = 0; i < 5; i += 1) {
    writer.set('/p', i);
    writer.publish('/e');
    await rig.clock.advance(1_000);
  }
  return rig;
}

test('a REPLAY tells what was told, oldest first, with its revisions', async () => {
  const rig = await createJournaled();
  const line = await rig.join();
  line.say({ type: 'replay', pattern: '/**', types: 0xff });
  await rig.clock.settle();
  expect(line.sets).toEqual(['/p=0@1', '/p=1@2', '/p=2@3', '/p=3@4', '/p=4@5']);
  expect(line.types.slice(0, 3)).toEqual(['set', 'publish', 'set']);
});

test('a REPLAY is bounded by time, types, pattern and number', async () => {
  const rig = await createJournaled();
  const line = await rig.join();
  const startUs = (rig.clock.now() - 5_000) * 1_000;
  const ask = async (more: object): Promise<string[]> => {
    line.forget();
    line.say({ type: 'replay', pattern: '/**', types: 0xff, ...more });
    await rig.clock.settle();
    return line.all.map((message) => (message.type === 'set' ? String(message.revision) : 'e'));
  };
  expect(await ask({ types: 0x01, from: startUs + 2e6 })).toEqual(['3', '4', '5']);
  expect(await ask({ types: 0x01, to: startUs + 1e6 })).toEqual(['1', '2']);
  expect(await ask({ types: 0x02 })).toEqual(['e', 'e', 'e', 'e', 'e']);
  expect(await ask({ pattern: '/p', limit: 2 })).toEqual(['1', '2']);
  expect(await ask({ limit: 0 })).toEqual([]);
  expect(await ask({ pattern: '/none' })).toEqual([]);
});

test('members of bundles and coalesced gestures are in the journal too', async () => {
  const rig = createRig({ journal: createMemoryJournal() });
  const line = await rig.join();
  const say = (phase: 'start' | 'move' | 'end'): void =>
    line.publish('/g', { signal: 'gesture', phase, id: 1 });
  (['start', 'move', 'move', 'move', 'end'] as const).forEach(say);
  line.forget();
  line.say({ type: 'replay', pattern: '/g', types: 0xff });
  await rig.clock.settle();
  expect(line.messages('publish').map(({ phase }) => phase)).toEqual([
    'start',
    'move',
    'move',
    'end',
  ]);
});

test('without a journal a REPLAY is ERROR 501; a pattern that is none 202', async () => {
  const line = await createRig().join();
  line.say({ type: 'replay', pattern: '/**', types: 0xff });
  line.say({ type: 'replay', pattern: 'x', types: 0xff });
  expect(line.errorCodes).toEqual([501, 202]);
});

test('one REPLAY tells replayMax entries at most, and is read as the session takes it', async () => {
  let read = 0;
  let returned = false;
  const frame = (await createJournaledFrame()) ?? new Uint8Array(0);
  const journal: Journal = {
    keeps: () => true,
    wants: () => true,
    append: () => undefined,
    async *entries() {
      try {
        for (;;) {
          read += 1;
          yield { address: '/p', signal: 'param', timestamp: 0, author: 'a', frame };
        }
      } finally {
        returned = true;
      }
    },
  };
  const rig = createRig({ journal, options: { messagesPerSecondMax: 0, lineBytesMax: 1_000 } });
  const line = await rig.join();
  line.stuck = true;
  line.say({ type: 'replay', pattern: '/**', types: 0xff });
  await rig.clock.settle();
  expect(read).toBeLessThan(300);
  line.flow();
  for (let turn = 0; turn < 1_000 && !returned; turn += 1) {
    await rig.clock.settle();
  }
  expect(line.frames).toHaveLength(routerLimits.replayMax);
  expect(returned).toBe(true);
});

async function createJournaledFrame(): Promise<Uint8Array | undefined> {
  const rig = createRig();
  const line = await rig.join();
  line.subscribe(1, '/p');
  line.set('/p', 1);
  return line.frames[0];
}

test('a journal that fails is ERROR 500 after what it gave; one left early is closed', async () => {
  let returned = 0;
  const failing: Journal = {
    keeps: () => true,
    wants: () => true,
    append: () => undefined,
    // eslint-disable-next-line require-yield
    async *entries() {
      throw new Error('disk');
    },
  };
  const rig = createRig({ journal: failing });
  const line = await rig.join();
  line.say({ type: 'replay', pattern: '/**', types: 0xff });
  line.say({ type: 'ping' });
  await rig.clock.settle();
  expect(line.types).toEqual(['error', 'pong']);
  expect(line.errorCodes).toEqual([500]);
  expect(rig.problems.map(({ name }) => name)).toEqual(['signal-journal.failed']);

  const endless: Journal = {
    keeps: () => true,
    wants: () => true,
    append: () => undefined,
    entries: () => ({
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise(() => undefined),
        return: () => {
          returned += 1;
          return Promise.resolve({ done: true, value: undefined });
        },
      }),
    }),
  };
  const second = createRig({ journal: endless });
  const leaver = await second.join();
  leaver.say({ type: 'replay', pattern: '/**', types: 0xff });
  leaver.hangUp();
  await second.clock.settle();
  expect(returned).toBe(1);
});

test('the journal in memory forgets the oldest, by number and by bytes', async () => {
  const byNumber = await createJournaled(createMemoryJournal({ entriesMax: 3 }));
  const byBytes = await createJournaled(createMemoryJournal({ bytesMax: 60 }));
  for (const rig of [byNumber, byBytes]) {
    const line = await rig.join();
    line.say({ type: 'replay', pattern: '/**', types: 0xff });
    await rig.clock.settle();
    expect(line.types.length).toBeLessThanOrEqual(3);
    expect(line.sets.at(-1)).toBe('/p=4@5');
  }
});

const readers: SignalAccess = {
  subject: 'reader',
  allows: (verb, at) => verb !== 'write' && at.startsWith('/open/'),
};

test('scopes hold for SET, PUBLISH, ANNOUNCE, GET, SUBSCRIBE, REPLAY, RESULT and the snapshot', async () => {
  let access: SignalAccess = { subject: 'all', allows: () => true };
  const rig = createRig({
    journal: createMemoryJournal(),
    doorkeeper: { admit: () => access },
  });
  const owner = await rig.join();
  owner.set('/open/a', 1);
  owner.set('/secret/b', 2);
  owner.say({
    type: 'announce',
    namespace: '/',
    signals: [signal('/open/a'), signal('/secret/b')],
  });
  access = readers;
  const joining = rig.line();
  joining.say({ type: 'hello', version: 1, features: [], name: 'r' });
  expect([...joining.snapshot.keys()]).toEqual(['/open/a']);
  joining.forget();
  joining.set('/open/a', 9);
  joining.publish('/open/a');
  joining.say({ type: 'announce', namespace: '/', signals: [signal('/open/x')] });
  joining.say({ type: 'get', address: '/secret/b' });
  joining.say({ type: 'get', address: '/secret/none' });
  joining.subscribe(1, '/**');
  joining.say({ type: 'replay', pattern: '/**', types: 0xff });
  expect(joining.errorCodes).toEqual(Array.from({ length: 7 }, () => 301));
  joining.forget();
  joining.say({ type: 'query', pattern: '/**' });
  joining.say({ type: 'get', address: '/open/a' });
  joining.subscribe(1, '/open/**');
  expect(joining.messages('result')[0]?.signals.map(({ address }) => address)).toEqual(['/open/a']);
  expect(joining.errors).toEqual([]);
  expect(rig.router.get('/open/a')?.revision).toBe(1);
});
