import { createNodeCrypto } from '@hansa/crypto-node';
import {
  federatedId,
  HansaError,
  localId,
  remote,
  toHex,
  utf8,
  type Carrier,
} from '@hansa/foundation';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { connectTo, foundCluster, type PairedCluster } from '../../testkit/sync-pair.ts';
import { clusterOf } from '../../testkit/test-cluster.ts';
import type { Head } from '../resources/contract.ts';
import { createHistory } from '../resources/history.ts';
import { syncPeerContract, type RenewedHeads, type SyncPeer } from './wire.ts';

const crypto = createNodeCrypto();
const history = createHistory(crypto);
const names = ['notes', 'plans', 'others'];
const ids = names.map((name) => federatedId(clusterOf(crypto, 1), localId('kv', name)));
const by = { author: 'ada' };
const intervalMs = 20; // between two rounds

type HeadsAnswer = Awaited<ReturnType<SyncPeer['heads']>>;

let owner: PairedCluster;
let mirror: PairedCluster;
let calls: string[];
let answer: (said: RenewedHeads) => RenewedHeads;
let answerHeads: (said: HeadsAnswer) => HeadsAnswer;
let reached: Carrier;

function listening(carrier: Carrier): Carrier {
  reached = carrier;
  return {
    ...carrier,
    async call(contract, method, input, options) {
      calls.push(method);
      const said = await carrier.call(contract, method, input, options);
      const answers = { renew: answer, heads: answerHeads } as Record<
        string,
        (said: unknown) => unknown
      >;
      return answers[method]?.(said) ?? said;
    },
  };
}

beforeEach(async () => {
  calls = [];
  answer = (said) => said;
  answerHeads = (said) => said;
  owner = await foundCluster(1, 'lubeck');
  mirror = await foundCluster(11, 'bergen', { intervalMs });
  const peers = { cluster: mirror.id };
  await owner.policies.add({ effect: 'allow', resources: {}, peers, verbs: ['see', 'pull'] });
  connectTo(mirror, owner, { name: 'lubeck', through: listening });
  for (const name of names) {
    const { id } = await owner.resources.create({ kind: 'kv', name });
    const op = { put: { key: utf8('a'), value: utf8(name), blobs: [] } };
    await owner.resources.append(id, [op], by);
    await mirror.sync.sync.add({ resource: `lubeck:kv/${name}` });
  }
  await expect.poll(() => ids.map(stateOf)).toEqual(names.map(() => 'current'));
  calls = [];
});

afterEach(async () => {
  await Promise.all([owner, mirror].map((each) => each.end()));
});

const stateOf = (id: (typeof ids)[number]) => mirror.sync.mirrors.find(id)?.state;
const asOf = () => ids.map((id) => mirror.sync.mirrors.find(id)?.headAsOfMs ?? 0);

/** Until every mirror knows a head that was signed after this moment. */
async function untilFresh(): Promise<void> {
  const before = asOf();
  await expect
    .poll(() => asOf().every((ms, index) => ms > (before[index] ?? 0)), { timeout: 5_000 })
    .toBe(true);
}

describe('a round over mirrors that are where their owner is', () => {
  test('gets one signature for all of them, and no head', async () => {
    await untilFresh();
    expect(new Set(calls)).toEqual(new Set(['renew']));
    const held = ids.map((resource) => mirror.sync.mirrors.head(resource)!);
    const { ticks, proofs } = await remote(syncPeerContract, reached).renew({ held });
    const [tick, other] = ticks;
    expect(other).toBeUndefined();
    held.forEach((head, index) => {
      const { salt, path } = proofs[index]!;
      history.verify({ ...head, tick: tick ?? head.tick, salt, path });
    });
  });

  test('says nothing of one that has moved, which is then asked for by itself', async () => {
    const held = ids.map((resource) => mirror.sync.mirrors.head(resource)!);
    const op = { put: { key: utf8('b'), value: utf8('more'), blobs: [] } };
    await owner.resources.append(localId('kv', 'plans'), [op], by);
    const { proofs } = await remote(syncPeerContract, reached).renew({ held });
    expect(proofs.map((proof) => proof === null)).toEqual([false, true, false]);
  });

  test.each<[string, (said: RenewedHeads) => RenewedHeads]>([
    ['another salt', (said) => ({ ...said, proofs: said.proofs.map(withOtherSalt) })],
    ['a tick that is not there', ({ proofs }) => ({ ticks: [], proofs })],
    ['too few', (said) => ({ ...said, proofs: [] })],
  ])('takes no word for a signature: of %s it asks for the head', async (_, changed) => {
    answer = changed;
    await untilFresh();
    expect(calls).toContain('heads');
    expect(ids.map(stateOf)).toEqual(names.map(() => 'current'));
  });

  test('calls a mirror current again that one spoiled answer had refused', async () => {
    answer = () => ({ ticks: [], proofs: [] });
    answerHeads = ({ heads }) => ({ heads: heads.map((head) => head && spoiled(head)) });
    await expect.poll(() => ids.map(stateOf), { timeout: 5_000 }).toEqual(ids.map(() => 'refused'));
    answerHeads = (said) => said;
    await expect.poll(() => ids.map(stateOf), { timeout: 5_000 }).toEqual(ids.map(() => 'current'));
  });

  test('does so as well where the owner renews its signature for all of them', async () => {
    answer = () => ({ ticks: [], proofs: [] });
    answerHeads = ({ heads }) => ({ heads: heads.map((head) => head && spoiled(head)) });
    await expect.poll(() => ids.map(stateOf), { timeout: 5_000 }).toEqual(ids.map(() => 'refused'));
    answer = (said) => said;
    await expect.poll(() => ids.map(stateOf), { timeout: 5_000 }).toEqual(ids.map(() => 'current'));
  });

  test('asks an owner of an older release for heads', async () => {
    answer = () => {
      throw new HansaError('METHOD_UNKNOWN', 'not here');
    };
    await untilFresh();
    expect(calls).toContain('heads');
  });
});

function withOtherSalt(proof: RenewedHeads['proofs'][number]): typeof proof {
  return proof && { ...proof, salt: crypto.hash(utf8(toHex(proof.salt))) };
}

function spoiled(head: Head): Head {
  return { ...head, chain: crypto.hash(head.chain) };
}
