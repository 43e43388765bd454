import { createMemoryBlobs } from '@hansa/blobs-memory';
import { createNodeCrypto } from '@hansa/crypto-node';
import { HansaError, silentLog, utf8, type BlobId, type ClusterId } from '@hansa/foundation';
import { beforeEach, expect, test } from 'vitest';
import { createBlobPart, type BlobCopies } from './blob-part.ts';
import type { ScrubRound } from './contract.ts';

const cluster = 'ab'.repeat(32) as ClusterId;
const blobs = createMemoryBlobs({ crypto: createNodeCrypto() });
let named: BlobId;
let unnamed: BlobId;

beforeEach(async () => {
  named = (await blobs.put(pieces('named'))).id;
  unnamed = (await blobs.put(pieces('unnamed'))).id;
});

async function* pieces(text: string): AsyncGenerator<Uint8Array> {
  yield utf8(text);
}

/** One resource names one blob; nobody mirrors it. */
function partWith(...nearby: readonly BlobCopies[]): ReturnType<typeof createBlobPart> {
  const one = { id: 'kv/prices' };
  const needs = {
    cluster,
    blobs,
    resources: { all: () => [one], blobs: () => references() },
    mirrors: { all: () => [] },
    peers: {},
    copies: { holders: () => [] },
    nearby: async () => nearby,
    log: silentLog,
  };
  return createBlobPart(needs as unknown as Parameters<typeof createBlobPart>[0]);
}

async function* references(): AsyncGenerator<{ id: BlobId; sizeBytes: number }> {
  yield { id: named, sizeBytes: 5 };
}

type Said = Parameters<ScrubRound['found']>[0];

async function scrub(
  part: ReturnType<typeof createBlobPart>,
  repair: boolean,
): Promise<{ readonly said: readonly Said[]; readonly bytes: number; readonly looked: number }> {
  const said: Said[] = [];
  let [bytes, looked] = [0, 0];
  await part.scrub({
    signal: new AbortController().signal,
    repair,
    spend: async (more) => void (bytes += more),
    looked: (items = 1) => void (looked += items),
    found: async (finding) => void said.push(finding),
  });
  return { said, bytes, looked };
}

function nodeWith(
  name: string,
  damaged: readonly BlobId[],
  more: Partial<BlobCopies> = {},
): BlobCopies {
  return {
    name,
    async *verify() {
      for (const id of [named, unnamed]) {
        yield { bytes: 1_000 };
        yield { bytes: 0, blob: { id, damaged: damaged.includes(id) } };
      }
    },
    give: async () => true,
    ...more,
  };
}

test('a copy on another node is read, named with its node and what it is a part of, and given again', async () => {
  const part = partWith(nodeWith('two', [named]), nodeWith('three', []));
  const name = `${named} on two`;
  const left = await scrub(part, false);
  expect(left.said).toMatchObject([{ name, reason: 'repair was not asked for' }]);
  expect(left.said[0]?.concerns).toEqual([`${cluster}:kv/prices`]);
  expect(left.looked).toBe(6); // two here, two on each of the others
  expect(left.bytes).toBeGreaterThan(4_000);
  expect((await scrub(part, true)).said).toMatchObject([{ name, from: 'another node' }]);
});

test('one that no node has whole, or whose node refuses it, says why it is not right yet', async () => {
  const refused = new HansaError('STORE_LIMIT', 'it is full');
  const lost = nodeWith('two', [named], { give: async () => false });
  const full = nodeWith('three', [named], { give: () => Promise.reject(refused) });
  const { said } = await scrub(partWith(lost, full), true);
  expect(said.map(({ reason }) => reason)).toEqual([
    'no node has a whole one',
    'three: it is full',
  ]);
});

test('a damaged copy of what nothing names is no loss', async () => {
  const { said } = await scrub(partWith(nodeWith('two', [unnamed])), true);
  expect(said).toMatchObject([{ name: `${unnamed} on two`, from: 'nobody: nothing names it' }]);
});

test('a node that goes away meanwhile ends neither the round nor what the others say', async () => {
  const gone = nodeWith('two', [], {
    async *verify() {
      yield { bytes: 1 };
      throw new Error('it is gone');
    },
  });
  const { said } = await scrub(partWith(gone, nodeWith('three', [named])), true);
  expect(said).toMatchObject([{ name: `${named} on three`, from: 'another node' }]);
});
