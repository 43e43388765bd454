// An owner whose content is not what it signed, or larger than any may be: a false chunk in the
// midst of true ones, and one change that is too large.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Quarantine } from '@hansa/capabilities/quarantine/contract';
import { changeBytesMax } from '@hansa/capabilities/resources/contract';
import type { Mirror } from '@hansa/capabilities/sync/contract';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  blobChunkBytes,
  concatBytes,
  fromHex,
  manifestId,
  toHex,
  type BlobId,
  type FederatedId,
} from '@hansa/foundation';
import { globSync } from 'tinyglobby';
import { beforeAll, expect, test } from 'vitest';
import type { WrittenHistory } from '../../testkit/written-history.ts';
import type { Cluster } from './harness/cluster.ts';
import { showMirror } from './harness/mirroring.ts';
import { notYet, until } from './harness/until.ts';
import { startHonestPair, type HonestPair } from './rooms/honest-pair.ts';
import { hostileOwner, put, telling, type HostileOwner, type Lies } from './rooms/hostile-owner.ts';

const crypto = createNodeCrypto();
const codec = createMsgpackCodec();

let honest: HonestPair;
let bergen: Cluster;
let hostiles = 0;

beforeAll(async () => {
  honest = await startHonestPair();
  ({ bergen } = honest);
}, 60_000);

async function meetHostile(): Promise<HostileOwner> {
  hostiles += 1;
  return hostileOwner(bergen, `riga-${hostiles}`, 40 + hostiles);
}

function truth(history: WrittenHistory): Lies {
  const head = () => history.head();
  return { follow: telling(() => history.changes, head), head };
}

async function mirror(resource: FederatedId): Promise<void> {
  const { status, text } = await bergen.api('POST', '/mirrors', { resource });
  expect([status, text]).toEqual([200, expect.anything()]);
}

function untilShown(resource: FederatedId, state: Mirror['state'], code?: string): Promise<Mirror> {
  return until(`${resource} is ${state} with ${code ?? 'no error'}`, async () => {
    const shown = await showMirror(bergen, resource);
    return shown.state === state && shown.lastError?.code === code ? shown : notYet(shown);
  });
}

/** The whole blobs of that id on bergen's disk, one at most; not what has arrived of one. */
function storedUnder(id: BlobId): readonly Uint8Array[] {
  const files = globSync([`**/blobs/${id.slice(0, 2)}/${id}`], {
    cwd: bergen.data,
    absolute: true,
  });
  return files.map((file) => readFileSync(file));
}

function untilBlamed(hostile: HostileOwner, resource: FederatedId): Promise<Quarantine> {
  return until(`${hostile.name} is blamed for ${resource}`, async () => {
    const { body } = await bergen.api<Quarantine>('GET', `/quarantines/${hostile.name}`);
    const found = body.incidents?.some((each) => each.resource === resource) === true;
    return found ? body : notYet(body);
  });
}

test('one false chunk of a large blob is refused and blamed; the true ones are not asked for again', async () => {
  const hostile = await meetHostile();
  const pieces = [blobChunkBytes, blobChunkBytes, 4_096].map((bytes) => randomBytes(bytes));
  const content = concatBytes(pieces);
  const id = toHex(crypto.hash(content)) as BlobId;
  const ids = pieces.map((piece) => toHex(crypto.hash(piece)) as BlobId);
  const info = { id, sizeBytes: content.length };
  const reference = { ...info, manifest: manifestId(crypto, info, ids) };
  const asked: (readonly number[])[] = [];
  let falseAt: number | undefined = 1;
  hostile.blobs.manifest = async () => ({
    sizeBytes: info.sizeBytes,
    chunks: concatBytes(ids.map((chunk) => fromHex(chunk))),
  });
  hostile.blobs.chunks = async function* chunks({ indexes }) {
    asked.push(indexes);
    for (const index of indexes) {
      const piece = pieces[index] ?? new Uint8Array(0);
      yield index === falseAt ? randomBytes(piece.length) : piece;
    }
  };
  const history = hostile.space('space');
  const { resource } = history;
  history.write([put(history, 'large', { blobs: [reference] })]);
  hostile.lie(resource, truth(history));
  await mirror(resource);
  const refused = await untilShown(resource, 'refused', 'BLOB_CORRUPT');
  expect(refused.applied).toBeUndefined();
  const { incidents } = await untilBlamed(hostile, resource);
  expect(incidents[0]).toMatchObject({
    resource,
    answersAs: 'deliverer',
    error: { code: 'BLOB_CORRUPT' },
  });
  expect(asked).toEqual([[0, 1, 2]]);
  expect(storedUnder(id)).toEqual([]);
  falseAt = undefined;
  await bergen.api('POST', '/mirrors/now', { resource, waitMs: 0 });
  // All of it is here and true; only then is it seen that a space has no blobs.
  await untilShown(resource, 'refused', 'CHANGE_INVALID');
  expect(asked).toEqual([[0, 1, 2], [1]]);
  expect(storedUnder(id).map((bytes) => toHex(crypto.hash(bytes)))).toEqual([id]);
  await honest.requireUnharmed();
});

test('one change over its bytes is refused; the mirror stays as it was, and goes on with what fits', async () => {
  const hostile = await meetHostile();
  const history = hostile.space('space');
  const { resource } = history;
  history.write([put(history, 'a')]);
  let told = truth(history);
  hostile.lie(resource, { head: () => told.head(), follow: (at) => told.follow(at) });
  await mirror(resource);
  const { applied } = await untilShown(resource, 'current');
  const large = hostile.space('space');
  large.write([put(large, 'a')]);
  // Every value is as large as one may be: only their sum is not.
  const text = 'x'.repeat(changeBytesMax / 3);
  const ops = ['b', 'c', 'd', 'e', 'f'].map((key) => put(large, key, { text }));
  const { change } = large.write(ops);
  expect(codec.encode(change).length).toBeGreaterThan(changeBytesMax);
  told = truth(large);
  await bergen.api('POST', '/mirrors/now', { resource, waitMs: 0 });
  const judged = await until('the large change is judged', async () => {
    const shown = await showMirror(bergen, resource);
    const isApplied = shown.applied?.sequence !== applied?.sequence;
    return shown.state === 'refused' || isApplied ? shown : notYet(shown);
  });
  expect(judged).toMatchObject({ state: 'refused', lastError: { code: 'CHANGE_TOO_LARGE' } });
  expect(judged.applied).toEqual(applied);
  await untilBlamed(hostile, resource);
  await honest.requireUnharmed();
  const small = hostile.space('space');
  small.write([put(small, 'a')]);
  small.write([put(small, 'b')]);
  told = truth(small);
  await bergen.api('POST', '/mirrors/now', { resource, waitMs: 0 });
  const after = await untilShown(resource, 'current');
  expect(after.applied?.sequence).toBeGreaterThan(applied?.sequence ?? 0);
});
