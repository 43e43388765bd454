import { createNodeCrypto } from '@hansa/crypto-node';
import { createMemoryBlobs } from '@hansa/blobs-memory';
import { localId, silentLog, utf8, type BlobId, type Blobs } from '@hansa/foundation';
import { beforeEach, expect, test } from 'vitest';
import { createHandClock, type HandClock } from '../../testkit/hand-clock.ts';
import { collect, settled } from '../../testkit/test-cluster.ts';
import type { BlobReference, Resource } from '../resources/contract.ts';
import { collectIntervalMs, collectRound, keepCollecting } from './collecting.ts';

const own = { id: localId('git', 'hansa') } as Resource;

let blobs: Blobs;
let clock: HandClock;
let ending: AbortController;
const ofOwn = new Map<string, BlobReference>();
const ofMirrors = new Map<string, BlobReference>();
beforeEach(() => {
  blobs = createMemoryBlobs({ crypto: createNodeCrypto() });
  clock = createHandClock();
  ending = new AbortController();
  ofOwn.clear();
  ofMirrors.clear();
});

const needs = () => ({
  blobs,
  clock,
  log: silentLog,
  resources: { all: () => [own], blobs: () => streamOf(ofOwn) },
  copies: { blobs: () => streamOf(ofMirrors) },
});

async function* streamOf(named: ReadonlyMap<string, BlobReference>): AsyncIterable<BlobReference> {
  yield* named.values();
}

async function stored(text: string): Promise<BlobReference> {
  async function* pieces(): AsyncIterable<Uint8Array> {
    yield utf8(text);
  }
  const { id, sizeBytes } = await blobs.put(pieces());
  return { id, sizeBytes, manifest: id };
}

const kept = async (): Promise<readonly BlobId[]> =>
  (await collect(blobs.list())).map(({ id }) => id).toSorted();

test('what a change of ours or an entry of a mirror names stays; what nothing names goes in the second round', async () => {
  const [one, two, three] = [await stored('one'), await stored('two'), await stored('three')];
  ofOwn.set('a', one);
  ofMirrors.set('b', two);
  const unused = await collectRound(needs(), new Set());
  expect([...unused]).toEqual([three.id]);
  expect((await kept()).length).toBe(3);
  await collectRound(needs(), unused);
  expect(await kept()).toEqual([one.id, two.id].toSorted());
});

test('what is named again between two rounds stays', async () => {
  const again = await stored('again');
  const unused = await collectRound(needs(), new Set());
  ofMirrors.set('a', again);
  expect(await collectRound(needs(), unused)).toEqual(new Set());
  expect(await kept()).toEqual([again.id]);
});

test('what is protected stays, however many rounds pass before its record is written', async () => {
  const held = await stored('held');
  const hold = blobs.protect(held.id);
  let unused: ReadonlySet<BlobId> = new Set();
  for (let round = 0; round < 3; round += 1) {
    unused = await collectRound(needs(), unused);
  }
  expect(await kept()).toEqual([held.id]);
  hold.release();
  unused = await collectRound(needs(), unused);
  await collectRound(needs(), unused);
  expect(await kept()).toEqual([]);
});

test('where those who name blobs cannot be read, nothing is deleted', async () => {
  const { id } = await stored('unsure');
  async function* broken(): AsyncIterable<BlobReference> {
    yield* ofMirrors.values();
    throw new Error('the disk is gone');
  }
  const unsure = { ...needs(), copies: { blobs: broken } };
  await expect(collectRound(unsure, new Set([id]))).rejects.toThrow('the disk is gone');
  expect(await kept()).toEqual([id]);
});

test('rounds come by the hour, the first an hour after the start', async () => {
  await stored('unused');
  const over = keepCollecting(needs(), ending.signal).catch(() => 'ended');
  for (let round = 0; round < 2; round += 1) {
    await settled(() => clock.sleepers === 1);
    expect((await kept()).length).toBe(1);
    clock.advance(collectIntervalMs);
  }
  await settled(async () => (await kept()).length === 0);
  await settled(() => clock.sleepers === 1);
  ending.abort();
  expect(await over).toBe('ended');
});
