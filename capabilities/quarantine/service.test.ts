import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  HansaError,
  silentLog,
  type ClusterId,
  type FederatedId,
  type KeyValueStore,
} from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { clusterOf, createTestPeers, linked } from '../../testkit/test-cluster.ts';
import type { Mirror, MirrorOverseer, Mirrors } from '../sync/contract.ts';
import { decayMs } from './contract.ts';
import { createQuarantines, type QuarantineService } from './service.ts';

const crypto = createNodeCrypto();
const codec = createMsgpackCodec();
const lubeck = clusterOf(crypto, 1);
const visby = clusterOf(crypto, 2);
const resource = (name: string, owner = lubeck): FederatedId =>
  `${owner}:kv/${name}` as FederatedId;

let nowMs = 0;
let store: KeyValueStore;
let ending: AbortController;
let overseer: MirrorOverseer;
let woken: FederatedId[];
let service: QuarantineService;

const clock = {
  now: () => nowMs,
  monotonicMs: () => nowMs,
  sleep: () => new Promise<void>(() => undefined),
};

async function start(): Promise<void> {
  ending = new AbortController();
  woken = [];
  const held = ['a', 'b', 'c'].map((name) => ({ owner: lubeck, resource: resource(name) }));
  const mirrors: Pick<Mirrors, 'oversee' | 'wake' | 'all' | 'resolve'> = {
    oversee: (given) => void (overseer = given),
    wake: (each) => void woken.push(each),
    all: () => held as unknown as readonly Mirror[],
    resolve: () => resource('a'),
  };
  const peers = createTestPeers();
  peers.set(linked(lubeck, 'lubeck'));
  const needs = {
    store,
    codec,
    clock,
    log: silentLog,
    peers,
    mirrors: mirrors as Mirrors,
  };
  service = createQuarantines(needs);
  await service.start(ending.signal);
}

beforeEach(async () => {
  nowMs = 1_000_000_000;
  store = createMemoryStore({ clock });
  await start();
});
afterEach(() => ending.abort());

function blame(name: string, peer: ClusterId = lubeck): Promise<void> {
  const error = new HansaError('BLOB_CORRUPT', `bad bytes of ${name}`, { facts: { blob: name } });
  return service.blame({ peer, answersAs: 'deliverer', resource: resource(name), error });
}

const codeOf = (name: string): string | undefined => overseer.pause?.(resource(name))?.error.code;

describe('a peer of whom three resources are bad', () => {
  beforeEach(async () => {
    for (const name of ['a', 'b', 'c']) {
      expect(codeOf(name)).toBeUndefined();
      await blame(name);
    }
  });

  test('is not pulled from and not asked as a source, and its mirrors hear of it at once', () => {
    expect(codeOf('anything')).toBe('PEER_QUARANTINED');
    expect(overseer.avoid?.(lubeck)).toBe(true);
    expect(service.reasonOf(lubeck)).toContain('quarantined until');
    expect(woken).toEqual(['a', 'b', 'c'].map((name) => resource(name)));
  });

  test('leaves others alone', () => {
    expect(overseer.pause?.(resource('a', visby))).toBeUndefined();
    expect(overseer.avoid?.(visby)).toBe(false);
  });

  test('stays quarantined over a restart, until an hour is over', async () => {
    ending.abort();
    await start();
    expect(codeOf('a')).toBe('PEER_QUARANTINED');
    expect(overseer.pause?.(resource('a'))?.untilMs).toBe(nowMs + decayMs);
    nowMs += decayMs;
    expect(codeOf('a')).toBeUndefined();
    expect((await service.quarantines.list({})).peers).toEqual([]);
    const { peers } = await service.quarantines.list({ all: true });
    expect(peers[0]?.incidents).toHaveLength(3);
  });

  test('is let in when a person lifts it, with its evidence kept', async () => {
    const { peer } = await service.quarantines.lift({ peerOrMirror: 'lubeck' });
    expect(peer).toMatchObject({ state: 'over', liftedMs: nowMs });
    expect(peer?.incidents[0]?.error).toMatchObject({ code: 'BLOB_CORRUPT', facts: { blob: 'c' } });
    expect(codeOf('a')).toBeUndefined();
  });
});

describe('two clusters that fail for one resource within a minute', () => {
  beforeEach(async () => {
    await blame('a', lubeck);
    nowMs += 30_000;
    await blame('a', visby);
  });

  test('halt that mirror, and are not blamed', async () => {
    expect(codeOf('a')).toBe('SELF_SUSPECTED');
    expect(overseer.pause?.(resource('a'))?.state).toBe('halted');
    expect(codeOf('b')).toBeUndefined();
    const { peers, ourselves } = await service.quarantines.list({});
    expect(peers).toEqual([]);
    expect(ourselves[0]?.sources.toSorted()).toEqual([lubeck, visby].toSorted());
  });

  test('let it follow again when a person says so, or after an hour', async () => {
    await service.quarantines.lift({ peerOrMirror: 'lubeck:kv/a' });
    expect(codeOf('a')).toBeUndefined();
    await expect(service.quarantines.lift({ peerOrMirror: 'lubeck:kv/a' })).rejects.toMatchObject({
      code: 'QUARANTINE_NOT_FOUND',
    });
    await blame('b', lubeck);
    await blame('b', visby);
    nowMs += decayMs;
    expect(codeOf('b')).toBeUndefined();
  });
});
