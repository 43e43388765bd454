import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  federatedId,
  HansaError,
  localId,
  remote,
  silentLog,
  utf8,
  type Carrier,
} from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createHandClock, type HandClock } from '../../testkit/hand-clock.ts';
import { connectTo, foundCluster, type PairedCluster } from '../../testkit/sync-pair.ts';
import {
  callerOf,
  carrierTo,
  clusterOf,
  createTestSigner,
  nodeOf,
  settled,
} from '../../testkit/test-cluster.ts';
import type { Rule } from '../policies/contract.ts';
import { syncIntervalMs } from '../sync/contract.ts';
import { createBell } from './bell.ts';
import { purgeAfterMs } from './contract.ts';
import { createFreezing, type Freezing } from './freezing.ts';
import { keptRows, type KeptRows } from './kept-rows.ts';
import { frozenTable, type FrozenRecord } from './keys.ts';
import { receiptsPeerContract, type ReceiptsPeer } from './wire.ts';

const crypto = createNodeCrypto();
const local = localId('kv', 'harbour');
const resource = federatedId(clusterOf(crypto, 1), local);
const withdrawal = 'ab'.repeat(32);
const minuteMs = 60_000;

let owner: PairedCluster;
let mirror: PairedCluster;
let clock: HandClock;
let rule: Rule;
let frozen: KeptRows<FrozenRecord>;
let freezing: Freezing;
let wire: ReceiptsPeer;
let ending: AbortController;
let answers: (heads: readonly unknown[]) => readonly unknown[];
let asked: number;

/** Every answer to `heads` passes through `answers`. */
function listening(carrier: Carrier): Carrier {
  return {
    ...carrier,
    async call(contract, method, input, options) {
      const said = await carrier.call(contract, method, input, options);
      if (method !== 'heads') {
        return said;
      }
      asked += 1;
      return { heads: answers((said as { heads: readonly unknown[] }).heads) };
    },
  };
}

beforeEach(async () => {
  asked = 0;
  answers = (heads) => heads;
  ending = new AbortController();
  clock = createHandClock();
  owner = await foundCluster(1, 'lubeck');
  mirror = await foundCluster(11, 'bergen');
  await share();
  connectTo(mirror, owner, { name: 'lubeck', through: listening });
  await owner.resources.create({ kind: 'kv', name: 'harbour' });
  const op = { put: { key: utf8('tide'), value: utf8('low'), blobs: [] } };
  await owner.resources.append(local, [op], { author: 'ada' });
  await mirror.sync.sync.add({ resource: 'lubeck:kv/harbour' });
  await expect.poll(stateOf).toBe('current');
  const store = createMemoryStore({ clock });
  frozen = keptRows(store, frozenTable(store, createMsgpackCodec()));
  await frozen.watched.start(ending.signal, clock);
  const { mirrors } = mirror.sync;
  freezing = createFreezing({
    clock,
    log: silentLog,
    signer: createTestSigner(crypto, 11, 'bergen'),
    peers: mirror.peers,
    mirrors,
    frozen,
    bell: createBell(clock),
  });
  mirrors.oversee({ pause: (each) => freezing.pause(each) });
  const served = [{ contract: receiptsPeerContract, service: freezing.peer }];
  wire = remote(receiptsPeerContract, carrierTo(served, callerOf(owner.id, nodeOf(crypto, 2))));
});

afterEach(async () => {
  ending.abort();
  await Promise.all([owner, mirror].map((each) => each.end()));
});

const stateOf = () => mirror.sync.mirrors.find(resource)?.state;

async function share(): Promise<void> {
  const peers = { cluster: clusterOf(crypto, 11) };
  rule = await owner.policies.add({
    effect: 'allow',
    resources: {},
    peers,
    verbs: ['see', 'pull'],
  });
}

/** As an owner does it that remembers nothing of it afterwards, its store being an older one. */
async function freeze(purgeMs: number = purgeAfterMs): Promise<void> {
  await wire.withdraw({ withdrawn: [{ resource, withdrawal, purgeAfterMs: purgeMs }] });
  expect(stateOf()).toBe('frozen');
}

const start = (): void => void freezing.run(ending.signal);
const unshare = (): Promise<unknown> => owner.policies.remove({ id: rule.id });

describe('a frozen mirror', () => {
  test('follows again once its owner serves it again, though nobody took the withdrawal back', async () => {
    await unshare();
    start();
    await freeze();
    await settled(() => asked > 0 && clock.sleepers > 0);
    expect(stateOf()).toBe('frozen');
    await share();
    const aRoundLater = () => {
      clock.advance(syncIntervalMs);
      return stateOf();
    };
    await expect.poll(aRoundLater).toBe('current');
    expect(frozen.all()).toEqual([]);
  });

  test('is asked for once more before it is deleted', async () => {
    await freeze(0);
    start();
    await expect.poll(stateOf).toBe('current');
    expect(frozen.all()).toEqual([]);
  });

  test.each<[string, typeof answers]>([
    ['says that it is absent', () => [null]],
    ['answers with less than was asked', () => []],
    [
      'sends a head that it did not sign',
      (heads) => heads.map((head) => ({ ...(head as object), sequence: 9 })),
    ],
    [
      'says nothing in its answer but an error',
      () => {
        throw new HansaError('INTERNAL', 'a test');
      },
    ],
  ])('is deleted when its time has come, where its owner %s', async (_what, said) => {
    answers = said;
    await freeze(minuteMs);
    start();
    await settled(() => asked > 0 && clock.sleepers > 0);
    expect(stateOf()).toBe('frozen');
    clock.advance(minuteMs);
    await expect.poll(stateOf).toBeUndefined();
    expect(frozen.find(resource)?.receipt?.outcome).toBe('purged');
  });

  test('of an owner that is away thaws not; after a start it is awaited for a minute', async () => {
    mirror.peers.disconnect(owner.id);
    await freeze(0);
    start();
    await settled(() => clock.sleepers > 0);
    clock.advance(minuteMs - 1);
    await settled(() => clock.sleepers > 0);
    expect(stateOf()).toBe('frozen');
    clock.advance(1);
    await expect.poll(stateOf).toBeUndefined();
  });

  test('whose owner comes within that minute is asked for at once', async () => {
    mirror.peers.disconnect(owner.id);
    await freeze(0);
    start();
    await settled(() => clock.sleepers > 0);
    connectTo(mirror, owner, { name: 'lubeck', through: listening });
    await expect.poll(stateOf).toBe('current');
  });

  test('that was withdrawn anew while its owner was asked stays frozen', async () => {
    await freeze();
    const other = 'cd'.repeat(32);
    answers = (heads) => {
      answers = () => [null];
      const again = { resource, withdrawal: other, purgeAfterMs };
      void wire.withdraw({ withdrawn: [again] });
      return heads;
    };
    start();
    await settled(() => frozen.find(resource)?.withdrawal === other && clock.sleepers > 0);
    expect(stateOf()).toBe('frozen');
  });

  test('that somebody looks at anew is asked for at once', async () => {
    await unshare();
    start();
    await freeze();
    await settled(() => asked > 0 && clock.sleepers > 0);
    await share();
    mirror.sync.mirrors.wake(resource);
    await expect.poll(stateOf).toBe('current');
  });
});
