import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createMemoryBlobs } from '@hansa/blobs-memory';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  federatedId,
  localId,
  silentLog,
  utf8,
  type FederatedId,
  type KeyValueStore,
} from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { describe, expect, test } from 'vitest';
import { createHandClock, type HandClock } from '../../testkit/hand-clock.ts';
import { createResourceBench } from '../../testkit/resource-bench.ts';
import { roads } from '../../testkit/roads.ts';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import { clusterOf, collect } from '../../testkit/test-cluster.ts';
import type { ChangeOp, ResourceEntry, SequencedChange } from '../resources/contract.ts';
import type { FederatedKind, Mirror, Mirrors, MirrorView } from '../sync/contract.ts';
import { answerWithinMs, kindsContract, pingEveryMs, type Kinds } from './contract.ts';
import type { Work } from './work.ts';
import { kindsSuite } from './kind-providers.suite.ts';
import { createKinds } from './service.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const bergen = clusterOf(crypto, 7);
const resource = federatedId(bergen, localId('checklist', 'ship'));
const never = new AbortController().signal;
const checklist = { kind: 'checklist' };

interface Opened {
  readonly clock: HandClock;
  readonly store: KeyValueStore;
  readonly kinds: Kinds;
  readonly kind: (name: string) => FederatedKind;
  readonly retried: FederatedId[];
  readonly mirror: { lastError?: Mirror['lastError'] };
}

async function open(given: { store?: KeyValueStore; clock?: HandClock } = {}): Promise<Opened> {
  const bench = createResourceBench();
  const clock = given.clock ?? bench.clock;
  const store = given.store ?? createMemoryStore({ clock: createHandClock() });
  const registered = new Map<string, FederatedKind>();
  const retried: FederatedId[] = [];
  const mirror: Opened['mirror'] = {};
  const mirrors = {
    find: () => undefined,
    all: () => (mirror.lastError === undefined ? [] : [{ resource, kind: 'checklist', ...mirror }]),
    registerKind(kind: FederatedKind) {
      registered.set(kind.kind, kind);
      kind.attached?.({
        retry: (each) => void retried.push(each),
        unregister: () => void registered.delete(kind.kind),
      });
    },
  } as unknown as Mirrors;
  const { kinds, start } = createKinds({
    store,
    codec,
    crypto,
    clock,
    random: createSeededRandom(1),
    log: silentLog,
    blobs: createMemoryBlobs({ crypto }),
    signer: bench.signer,
    resources: await bench.open(),
    mirrors,
  });
  await start(new AbortController().signal);
  const kind = (name: string): FederatedKind => {
    const found = registered.get(name);
    if (found === undefined) {
      throw new Error(`${name} is not registered`);
    }
    return found;
  };
  return { clock, store, kinds, kind, retried, mirror };
}

describe('on every road', () => {
  roads<Kinds>(kindsContract, async () => (await open()).kinds).forEach(kindsSuite);
});

const view = (entries: readonly ResourceEntry[] = []): MirrorView => ({
  resource,
  epoch: 1,
  entry: async () => undefined,
  async *entries() {
    yield* entries;
  },
});

function change(sequence: number, ...ops: readonly ChangeOp[]): SequencedChange {
  return {
    sequence,
    change: { epoch: 1, previous: sequence - 1, ops, hlc: [1, 0], author: 'bergen' },
  };
}

function put(key: string, value: string | Uint8Array): ChangeOp {
  const bytes = typeof value === 'string' ? utf8(value) : value;
  return { put: { key: utf8(key), value: bytes, blobs: [] } };
}

/** Awaited later: what fails meanwhile is no fault of the test. */
function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => undefined,
    (error: unknown) => error,
  );
}

interface Program {
  readonly lease: string;
  /** The next item; pings are answered on the way. */
  take(): Promise<Work>;
  answer(work: Work, accept?: boolean, reason?: string): Promise<unknown>;
  leave(): Promise<void>;
}

async function program(kinds: Kinds, provider = 'python'): Promise<Program> {
  const stop = new AbortController();
  const { signal } = stop;
  const items = kinds.work({ ...checklist, provider }, { signal })[Symbol.asyncIterator]();
  const { value: first } = (await items.next()) as { value: Work };
  const lease = first.lease ?? '';
  const answer: Program['answer'] = (work, accept = true, reason?) =>
    kinds.answer({ ...checklist, work: work.work, lease, accept, reason });
  return {
    lease,
    answer,
    async take() {
      for (;;) {
        const { value } = (await items.next()) as { value: Work };
        if (value.type !== 'ping') {
          return value;
        }
        await answer(value);
      }
    },
    async leave() {
      stop.abort();
      await items.return?.();
    },
  };
}

describe('a batch for a kind that a program serves', () => {
  test('is put before the program, and is committed once it was applied', async () => {
    const { kinds, kind } = await open();
    await kinds.register(checklist);
    const python = await program(kinds);
    const batch = [change(5, put('a', 'sail')), change(6, { delete: { key: utf8('b') } })];
    const staging = kind('checklist').stage(view(), batch, never);
    const stage = await python.take();
    expect(stage).toMatchObject({
      type: 'stage',
      resource,
      name: 'ship',
      epoch: 1,
      sequence: 6,
      changes: [
        { sequence: 5, author: 'bergen', ops: [{ put: { key: 'a', value: 'sail' } }] },
        { sequence: 6, ops: [{ delete: { key: 'b' } }] },
      ],
    });
    const before = collect(kinds.entries({ ...checklist, resource: 'ship', work: stage.work }));
    await expect(before).resolves.toEqual([]);
    await python.answer(stage);
    const committing = (await staging).commit();
    const commit = await python.take();
    expect(commit).toMatchObject({ type: 'commit', staged: stage.work, epoch: 1, sequence: 6 });
    await python.answer(commit);
    await committing;
    await python.leave();
  });

  test('that the program refuses is CHANGE_INVALID with the program’s reason', async () => {
    const { kinds, kind } = await open();
    await kinds.register(checklist);
    const python = await program(kinds);
    const staging = kind('checklist').stage(view(), [change(5, put('a', 'x'))], never);
    const failure = failureOf(staging);
    await python.answer(await python.take(), false, '"a" is no item');
    await expect(failure).resolves.toMatchObject({
      code: 'CHANGE_INVALID',
      message: expect.stringContaining('"a" is no item'),
    });
    await python.leave();
  });

  test('that is larger than a line comes in pages, each change once', async () => {
    const { kinds, kind } = await open();
    await kinds.register(checklist);
    const python = await program(kinds);
    const long = new Uint8Array(200_000).fill(97);
    const batch = Array.from({ length: 20 }, (_, at) => change(at + 2, put(`${at}`, long)));
    const staging = kind('checklist').stage(view(), batch, never);
    const { work, changes = [], next } = await python.take();
    const sequences = changes.map(({ sequence }) => sequence);
    for (let from = next; from !== undefined;) {
      const page = await kinds.changes({ ...checklist, work, from });
      sequences.push(...page.changes.map(({ sequence }) => sequence));
      from = page.next;
    }
    expect(sequences).toEqual(batch.map(({ sequence }) => sequence));
    await python.answer({ type: 'stage', work });
    await staging;
    await python.leave();
  });

  test.each<[string, ChangeOp]>([
    ['a key that is no text', { put: { key: Uint8Array.of(0xff), value: utf8(''), blobs: [] } }],
    ['a key without end', put('k'.repeat(257), '')],
    ['a key that a terminal would obey', put('a\u001b', '')],
  ])('with %s is refused before anybody is asked', async (_, op) => {
    const { kinds, kind } = await open();
    await kinds.register(checklist);
    const staging = kind('checklist').stage(view(), [change(5, op)], never);
    await expect(staging).rejects.toMatchObject({ code: 'CHANGE_INVALID' });
  });

  test('waits with a reason while no program is there, and is tried again when one comes', async () => {
    const { kinds, kind, mirror, retried, clock } = await open();
    await kinds.register(checklist);
    const batch = [change(5, put('a', 'x'))];
    const early = kind('checklist').stage(view(), batch, never);
    await expect(early).rejects.toMatchObject({
      code: 'KIND_UNAVAILABLE',
      message: 'kind "checklist": no program has served it yet',
    });
    await (await program(kinds)).leave();
    clock.advance(60_000);
    const late = kind('checklist').stage(view(), batch, never);
    const since = expect.stringMatching(/^kind "checklist": no program serves it since 2023-/);
    await expect(late).rejects.toMatchObject({ code: 'KIND_UNAVAILABLE', message: since });
    mirror.lastError = { code: 'KIND_UNAVAILABLE', message: '' };
    const python = await program(kinds);
    void python.take().catch(() => undefined);
    await expect.poll(() => retried).toEqual([resource]);
    await python.leave();
  });

  test('of a program that leaves is told to the mirror, and keeps its id when it comes again', async () => {
    const { kinds, kind } = await open();
    await kinds.register(checklist);
    const batch = [change(5, put('a', 'x'))];
    const first = await program(kinds);
    const staging = kind('checklist').stage(view(), batch, never);
    const told = failureOf(staging);
    const before = await first.take();
    await first.leave();
    await expect(told).resolves.toMatchObject({ code: 'KIND_UNAVAILABLE' });
    await expect(first.answer(before)).rejects.toMatchObject({ code: 'WORK_OVER' });
    const second = await program(kinds);
    const again = kind('checklist').stage(view(), batch, never);
    const after = await second.take();
    expect(after.work).toBe(before.work);
    const stolen = kinds.answer({
      ...checklist,
      work: after.work,
      lease: first.lease,
      accept: true,
    });
    await expect(stolen).rejects.toMatchObject({ code: 'WORK_OVER' });
    await second.answer(after);
    await again;
    await second.leave();
  });
});

describe('a program that hangs', () => {
  test('loses the kind when it answers nothing in time', async () => {
    const { kinds, kind, clock } = await open();
    await kinds.register(checklist);
    const hung = await program(kinds);
    const staging = kind('checklist').stage(view(), [change(5, put('a', 'x'))], never);
    const told = failureOf(staging);
    await hung.take();
    const ended = failureOf(hung.take());
    clock.advance(answerWithinMs);
    await expect(told).resolves.toMatchObject({ code: 'KIND_UNAVAILABLE' });
    await expect(ended).resolves.toMatchObject({ code: 'TIMED_OUT' });
    await (await program(kinds, 'another')).leave();
  });

  test('is found by a ping where there is no work', async () => {
    const { kinds, clock } = await open();
    await kinds.register(checklist);
    const items = kinds.work({ ...checklist, provider: 'hung' })[Symbol.asyncIterator]();
    await items.next();
    const asked = items.next();
    await expect.poll(() => clock.sleepers).toBeGreaterThan(0);
    clock.advance(pingEveryMs);
    await expect(asked).resolves.toMatchObject({ value: { type: 'ping' } });
    const ended = failureOf(items.next());
    clock.advance(answerWithinMs);
    await expect(ended).resolves.toMatchObject({ code: 'TIMED_OUT' });
  });
});

describe('what a program must know', () => {
  test('is owed to it over restarts of either side, until it has answered', async () => {
    const first = await open();
    await first.kinds.register(checklist);
    await first.kind('checklist').settle(view(), never);
    await first.kind('checklist').purge({ resource, epoch: 1 });
    const { store, clock } = first;
    const { kinds } = await open({ store, clock });
    const python = await program(kinds);
    const purge = await python.take();
    expect(purge).toMatchObject({ type: 'purge', resource, epoch: 1 });
    await python.leave();
    const again = await program(kinds);
    expect((await again.take()).work).toBe(purge.work);
    await again.answer(purge);
    const settle = await again.take();
    expect(settle).toMatchObject({ type: 'settle', resource, epoch: 1 });
    await again.answer(settle);
    await again.leave();
    const last = await program(kinds);
    await expect(Promise.race([last.take(), Promise.resolve('nothing')])).resolves.toBe('nothing');
  });

  test('a commit that it could not hear becomes a settle', async () => {
    const { kinds, kind } = await open();
    await kinds.register(checklist);
    const python = await program(kinds);
    const staging = kind('checklist').stage(view(), [change(5, put('a', 'x'))], never);
    await python.answer(await python.take());
    const staged = await staging;
    await python.leave();
    await staged.commit();
    const again = await program(kinds);
    expect(await again.take()).toMatchObject({ type: 'settle', resource, epoch: 1 });
    await again.leave();
  });

  test('comes before new batches of the same resource', async () => {
    const { kinds, kind } = await open();
    await kinds.register(checklist);
    const python = await program(kinds);
    const next = python.take();
    await kind('checklist').purge({ resource, epoch: 1 });
    void kind('checklist')
      .stage(view(), [change(5, put('a', 'x'))], never)
      .catch(() => undefined);
    const purge = await next;
    expect(purge).toMatchObject({ type: 'purge' });
    await python.answer(purge);
    expect(await python.take()).toMatchObject({ type: 'stage' });
    await python.leave();
  });
});

test('a registration survives a restart, and sync knows the kind again', async () => {
  const first = await open();
  await first.kinds.register({ ...checklist, description: 'items' });
  const second = await open({ store: first.store });
  await expect(second.kinds.show(checklist)).resolves.toMatchObject({ description: 'items' });
  expect(second.kind('checklist').kind).toBe('checklist');
});
