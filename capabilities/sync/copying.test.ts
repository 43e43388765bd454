import { createNodeCrypto } from '@hansa/crypto-node';
import {
  federatedId,
  fromUtf8,
  HansaError,
  localId,
  remote,
  utf8,
  type Carrier,
  type FederatedId,
} from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { createSystemClock } from '@hansa/system-node';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectTo, foundCluster, type PairedCluster } from '../../testkit/sync-pair.ts';
import { clusterOf, collect } from '../../testkit/test-cluster.ts';
import type { ChangeOp, ResourceEntry } from '../resources/contract.ts';
import { batchChangesMax } from '../resources/contract.ts';
import { syncPeerContract } from './wire.ts';

const crypto = createNodeCrypto();
const clock = createSystemClock();
const notes = localId('kv', 'notes');
const by = { author: 'ada' };
const { signal } = new AbortController();

let owner: PairedCluster;
let open: PairedCluster[];
let calls: string[];
let sent: number;

function put(key: string, value: string): ChangeOp {
  return { put: { key: utf8(key), value: utf8(value), blobs: [] } };
}

/** What the owner is asked for, and how many entries it answers with. */
function counting(carrier: Carrier): Carrier {
  return {
    ...carrier,
    watch: (contract, method, input, call) => {
      calls.push(method);
      return carrier.watch(contract, method, input, call);
    },
    async call(contract, method, input, call) {
      calls.push(method);
      const answer = await carrier.call(contract, method, input, call);
      if (method === 'entries') {
        sent += (answer as { entries: readonly unknown[] }).entries.length;
      }
      return answer;
    },
  };
}

async function mirrorOn(
  store = createMemoryStore({ clock }),
  through: (carrier: Carrier) => Carrier = counting,
): Promise<PairedCluster> {
  const mirror = await foundCluster(11, 'bergen', { store });
  open.push(mirror);
  connectTo(mirror, owner, { name: 'lubeck', through });
  return mirror;
}

function resource(): FederatedId {
  return federatedId(owner.id, notes);
}

async function current(mirror: PairedCluster): Promise<void> {
  const sequence = owner.resources.point(notes)?.sequence;
  await expect
    .poll(() => mirror.sync.mirrors.find(resource())?.applied?.sequence, { timeout: 10_000 })
    .toBe(sequence);
  await expect.poll(() => mirror.sync.mirrors.find(resource())?.state).toBe('current');
}

async function contentOf(entries: AsyncIterable<ResourceEntry>): Promise<readonly string[]> {
  return (await collect(entries)).map(
    ({ key, value, version }) => `${fromUtf8(key)} ${fromUtf8(value)} ${version}`,
  );
}

async function expectEqual(mirror: PairedCluster): Promise<void> {
  const view = await mirror.sync.mirrors.view(resource());
  const ours = view === undefined ? [] : await contentOf(view.entries());
  expect(ours).toEqual(await contentOf(owner.resources.entries(notes)));
  const digest = (await owner.resources.position(notes))?.digest;
  const applied = await mirror.tables.applied.get(resource());
  expect(applied?.value.digest).toEqual(digest);
}

/** Changes enough that all but the newest batch may go. */
async function writeMany(from: number): Promise<void> {
  for (let i = 0; i < 2 * batchChangesMax + 5; i += 1) {
    await owner.resources.append(notes, [put(`key-${i % 300}`, `${from + i}`)], by);
  }
}

async function fill(count: number): Promise<void> {
  for (let at = 0; at < count; at += 90) {
    const ops = Array.from({ length: Math.min(90, count - at) }, (_, i) =>
      put(`old-${at + i}`, `${at + i}`),
    );
    await owner.resources.append(notes, ops, by);
  }
}

beforeEach(async () => {
  open = [];
  calls = [];
  sent = 0;
  owner = await foundCluster(1, 'lubeck', { kept: { changes: 1, bytes: 1 } });
  open.push(owner);
  await owner.resources.create({ kind: 'kv', name: 'notes' });
  const peers = { cluster: clusterOf(crypto, 11) };
  await owner.policies.add({ effect: 'allow', resources: {}, peers, verbs: ['see', 'pull'] });
});

afterEach(async () => {
  await Promise.all(open.map((each) => each.end()));
});

describe('a mirror behind what is kept', () => {
  test('and with nothing of its own is copied whole, then follows', async () => {
    await fill(400);
    await writeMany(0);
    expect(await owner.started.compact(signal)).toBeGreaterThan(batchChangesMax);
    const mirror = await mirrorOn();
    await mirror.sync.sync.add({ resource: 'lubeck:kv/notes' });
    await current(mirror);
    await expectEqual(mirror);
    expect(sent).toBe(700);
    await owner.resources.append(notes, [put('late', 'x'), put('key-1', 'y')], by);
    await current(mirror);
    await expectEqual(mirror);
    expect(sent).toBe(700);
  });

  test('and with an older copy is sent what differs, and no more', async () => {
    await fill(3_000);
    const mirror = await mirrorOn();
    await mirror.sync.sync.add({ resource: 'lubeck:kv/notes' });
    await current(mirror);
    const { store } = mirror;
    await mirror.end();
    await writeMany(0);
    await owner.resources.append(notes, [{ delete: { key: utf8('old-7') } }], by);
    await owner.started.compact(signal);
    const again = await mirrorOn(store);
    await current(again);
    await expectEqual(again);
    expect(sent).toBeGreaterThanOrEqual(300);
    expect(sent).toBeLessThan(700);
    expect(calls).toContain('digests');
  });

  test('that dies at any moment of it begins again, and loses nothing', async () => {
    await fill(500);
    const store = createMemoryStore({ clock });
    const first = await mirrorOn(store);
    await first.sync.sync.add({ resource: 'lubeck:kv/notes' });
    await current(first);
    await first.end();
    await writeMany(0);
    await owner.started.compact(signal);
    for (let after = 1; after < 9; after += 1) {
      const { transact } = store;
      let left = after;
      store.transact = async (transaction, options) => {
        left -= 1;
        if (left < 0) {
          throw new HansaError('STORE_UNAVAILABLE', 'killed');
        }
        return transact.call(store, transaction, options);
      };
      const dying = await mirrorOn(store);
      await expect
        .poll(() => left < 0 || dying.sync.mirrors.find(resource())?.state === 'current')
        .toBe(true);
      await dying.end();
      store.transact = transact;
    }
    const last = await mirrorOn(store);
    await current(last);
    await expectEqual(last);
  });
});

describe('a mirror whose own entries were damaged', () => {
  test('is made good by ranges, also where it takes many transactions', async () => {
    await fill(1_200);
    const mirror = await mirrorOn();
    await mirror.sync.sync.add({ resource: 'lubeck:kv/notes' });
    await current(mirror);
    const { tables, store } = mirror;
    for (let i = 0; i < 300; i += 1) {
      const key = [resource(), 1, utf8(`old-${3 * i}`)];
      await store.batchWrite([
        i % 3 === 0
          ? tables.entries.delete(key)
          : tables.entries.put(key, { value: utf8('bad'), version: 9, blobs: [] }),
        tables.entries.put([resource(), 1, utf8(`own-${i}`)], {
          value: utf8('bad'),
          version: 1,
          blobs: [],
        }),
      ]);
    }
    mirror.sync.mirroring.mend(resource());
    await expect.poll(() => calls.filter((each) => each === 'follow').length).toBeGreaterThan(1);
    await current(mirror);
    await expectEqual(mirror);
    expect(sent).toBeLessThan(700);
  });
});

describe('a mirror that stopped in the middle of a batch', () => {
  /** As a crash leaves it whose batch led to a head so many sequences later. */
  async function stopped(later: number): Promise<PairedCluster> {
    await fill(200);
    const store = createMemoryStore({ clock });
    const first = await mirrorOn(store);
    await first.sync.sync.add({ resource: 'lubeck:kv/notes' });
    await current(first);
    await first.end();
    const { applied } = first.tables;
    const held = (await applied.get(resource()))?.value;
    if (held === undefined) {
      throw new HansaError('INTERNAL', 'nothing was applied');
    }
    const head = { ...held.head, sequence: held.head.sequence + later };
    await store.batchWrite([applied.put([resource()], { ...held, digest: undefined, head })]);
    return mirrorOn(store);
  }

  test('goes on to where its owner stands', async () => {
    const mirror = await stopped(0);
    await owner.resources.append(notes, [put('old-1', 'new')], by);
    await current(mirror);
    await expectEqual(mirror);
  });

  test('halts where its owner says less than it had signed', async () => {
    const mirror = await stopped(1);
    const shown = () => mirror.sync.mirrors.find(resource());
    await expect.poll(() => shown()?.lastError?.code).toBe('HEAD_REWOUND');
    expect(shown()?.state).toBe('halted');
  });
});

describe('an owner that sends what it did not sign', () => {
  const lying =
    (change: (entries: readonly ResourceEntry[]) => readonly ResourceEntry[]) =>
    (carrier: Carrier): Carrier => ({
      ...carrier,
      watch: (contract, method, input, call) => carrier.watch(contract, method, input, call),
      async call(contract, method, input, call) {
        const answer = await carrier.call(contract, method, input, call);
        if (method !== 'entries') {
          return answer;
        }
        const said = answer as { entries: readonly ResourceEntry[]; more: boolean };
        return { ...said, entries: change(said.entries) };
      },
    });

  const spoilt = (part: Partial<ResourceEntry>) => (all: readonly ResourceEntry[]) =>
    all.map((entry, index) => (index === 3 ? { ...entry, ...part } : entry));

  test('gives us nothing, whatever it is', async () => {
    await fill(1_200);
    await writeMany(0);
    await owner.started.compact(signal);
    for (const [change, code] of [
      [spoilt({ value: utf8('evil') }), 'DIGEST_MISMATCH'],
      [spoilt({ version: 77 }), 'DIGEST_MISMATCH'],
      [(all) => all.slice(1), 'DIGEST_MISMATCH'],
      [(all) => all.toReversed(), 'OUTPUT_INVALID'],
      [() => [], 'OUTPUT_INVALID'],
    ] satisfies [(entries: readonly ResourceEntry[]) => readonly ResourceEntry[], string][]) {
      const mirror = await mirrorOn(undefined, lying(change));
      await mirror.sync.sync.add({ resource: 'lubeck:kv/notes' });
      const shown = () => mirror.sync.mirrors.find(resource());
      await expect.poll(() => shown()?.lastError?.code, { timeout: 10_000 }).toBe(code);
      expect(shown()?.applied).toBeUndefined();
      expect(shown()?.state).toBe('refused');
      await mirror.end();
    }
  });
});

test('ranges of what is not shared are absent, like what is unknown', async () => {
  await owner.resources.create({ kind: 'kv', name: 'secret' });
  const stranger = await foundCluster(12, 'visby');
  open.push(stranger);
  connectTo(stranger, owner, { name: 'lubeck' });
  const wire = remote(syncPeerContract, stranger.peers.carrier(owner.id));
  const unknown = federatedId(owner.id, localId('kv', 'unknown'));
  const secret = federatedId(owner.id, localId('kv', 'secret'));
  for (const each of [unknown, secret]) {
    const absent = { code: 'RESOURCE_NOT_FOUND' };
    const at = { resource: each, epoch: 1, sequence: 1, prefixes: [''] };
    await expect(wire.pin({ resource: each })).rejects.toMatchObject(absent);
    await expect(wire.digests(at)).rejects.toMatchObject(absent);
    await expect(wire.entries(at)).rejects.toMatchObject(absent);
  }
});
