import { createMemoryBlobs, type MemoryBlobs } from '@hansa/blobs-memory';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  blobChunkBytes,
  silentLog,
  toHex,
  utf8,
  type BlobId,
  type Blobs,
  type NodeId,
} from '@hansa/foundation';
import { createSystemClock } from '@hansa/system-node';
import { expect, test } from 'vitest';
import { createHolder } from './replica-holder.ts';
import { idsAtOnceMax, type ReplicaHolder, type ReplicaPlan } from './replica-contract.ts';
import { chunkOf, planOf } from './replica-plan.ts';
import { sharedBlobs, type SharedBlobs } from './shared-blobs.ts';

const crypto = createNodeCrypto();
const nodeOf = (number: number): NodeId =>
  toHex(crypto.publicKey(new Uint8Array(32).fill(number))) as NodeId;

interface Rig {
  readonly shared: SharedBlobs;
  readonly local: Blobs;
  /** By the number of each other node. */
  readonly disks: ReadonlyMap<number, MemoryBlobs>;
  readonly there: Set<number>;
}

function makeRig(copies = 2): Rig {
  const clock = createSystemClock();
  const local = createMemoryBlobs({ crypto });
  const disks = new Map([2, 3].map((number) => [number, createMemoryBlobs({ crypto })] as const));
  const there = new Set([2, 3]);
  const byNode = new Map(
    [...disks].map(([number, disk]) => [nodeOf(number), createHolder(disk)] as const),
  );
  const shared = sharedBlobs({
    local,
    self: nodeOf(1),
    others: async () => [...there].map(nodeOf),
    nameOf: async (node) => (node === nodeOf(2) ? 'two' : 'three'),
    ask: async (node) => byNode.get(node) as ReplicaHolder,
    clock,
    log: silentLog,
    crypto,
    copies,
  });
  return { shared, local, disks, there };
}

async function* once(text: string): AsyncGenerator<Uint8Array> {
  yield utf8(text);
}

async function holders({ disks }: Rig, id: BlobId): Promise<readonly number[]> {
  const found: number[] = [];
  for (const [number, disk] of disks) {
    if ((await disk.info(id)) !== undefined) {
      found.push(number);
    }
  }
  return found;
}

test('what is put lies on as many nodes as was asked for, before it is acknowledged', async () => {
  const rig = makeRig();
  for (let number = 0; number < 8; number += 1) {
    const { id } = await rig.shared.blobs.put(once(`blob ${number}`));
    expect(await holders(rig, id)).toHaveLength(1);
  }
  const all = makeRig(3);
  const { id } = await all.shared.blobs.put(once('everywhere'));
  expect(await holders(all, id)).toEqual([2, 3]);
});

test('where no other node is there it is taken all the same, and counted as short', async () => {
  const rig = makeRig();
  rig.there.clear();
  const { id } = await rig.shared.blobs.put(once('alone'));
  expect(await holders(rig, id)).toEqual([]);
  const ending = new AbortController();
  const keeping = rig.shared.keepCopies(ending.signal);
  await expect.poll(() => rig.shared.found().lookedMs, { timeout: 5_000 }).toBeGreaterThan(0);
  expect(rig.shared.found().short).toBe(1);
  ending.abort();
  await keeping;
});

test('a look gives what is short to a node that has come', async () => {
  const rig = makeRig();
  rig.there.clear();
  const { id } = await rig.shared.blobs.put(once('alone'));
  rig.there.add(3);
  const ending = new AbortController();
  const keeping = rig.shared.keepCopies(ending.signal);
  await expect.poll(() => holders(rig, id), { timeout: 5_000 }).toEqual([3]);
  ending.abort();
  await keeping;
});

test('what another node has is fetched, verified, and read here', async () => {
  const rig = makeRig();
  const { id } = await (rig.disks.get(3) as Blobs).put(once('elsewhere'));
  expect(await rig.shared.blobs.info(id)).toMatchObject({ id });
  let text = '';
  for await (const piece of rig.shared.blobs.read(id)) {
    text += new TextDecoder().decode(piece);
  }
  expect(text).toBe('elsewhere');
  expect(await rig.local.info(id)).toMatchObject({ id });
});

test('a copy that has rotted elsewhere is found and set aside there, and given again by one that is whole', async () => {
  const rig = makeRig(3);
  const signal = new AbortController().signal;
  const { id } = await rig.shared.blobs.put(once('a blob'));
  await rig.shared.blobs.put(once('another one'));
  rig.disks.get(2)?.corrupt(id, 3);
  await rig.local.delete(id); // the third node alone has it
  const verdicts: string[] = [];
  let bytes = 0;
  const nearby = await rig.shared.nearby();
  for (const { name, verify } of nearby) {
    for await (const read of verify(signal)) {
      bytes += read.bytes;
      if (read.blob !== undefined) {
        verdicts.push(`${name} ${read.blob.damaged ? 'damaged' : 'whole'}`);
      }
    }
  }
  expect(verdicts.toSorted()).toEqual(['three whole', 'three whole', 'two damaged', 'two whole']);
  expect(bytes).toBeGreaterThanOrEqual(28); // of three that are whole
  expect(await holders(rig, id)).toEqual([3]);
  expect(await nearby.find(({ name }) => name === 'two')?.give(id)).toBe(true);
  expect(await holders(rig, id)).toEqual([2, 3]);
  await rig.local.delete(id);
  await rig.disks.get(3)?.delete(id);
  await rig.disks.get(2)?.delete(id);
  expect(await nearby[0]?.give(id)).toBe(false);
});

test('what one node has only rotten is fetched from the next, and no transfer stays open', async () => {
  const rig = makeRig(3);
  const { receive } = rig.local;
  let open = 0;
  Object.assign(rig.local, {
    async receive(...given: Parameters<typeof receive>): ReturnType<typeof receive> {
      const receipt = await receive(...given);
      open += 1;
      const over = async <T>(ended: Promise<T>): Promise<T> => ended.finally(() => (open -= 1));
      const commit = () => over(receipt.commit());
      return { ...receipt, commit, close: () => over(receipt.close()) };
    },
  });
  const { id } = await rig.shared.blobs.put(once('a blob'));
  for (const number of [2, 3]) {
    await rig.local.delete(id);
    rig.disks.get(number)?.corrupt(id, 3);
    expect(await rig.shared.blobs.info(id)).toMatchObject({ id });
    rig.disks.get(number)?.corrupt(id, 3); // whole again
  }
  expect(open).toBe(0);
});

test('what is deleted, or collected, is gone from all of them', async () => {
  const rig = makeRig(3);
  const one = await rig.shared.blobs.put(once('one'));
  const two = await rig.shared.blobs.put(once('two'));
  await rig.shared.blobs.delete(one.id);
  expect(await holders(rig, one.id)).toEqual([]);
  await rig.shared.blobs.collect(async () => false);
  expect(await holders(rig, two.id)).toEqual([]);
});

test('a blob that was given by a false plan is taken when it is given again by a true one', async () => {
  const rig = makeRig();
  const beginning = 'a'.repeat(blobChunkBytes); // of one chunk, no plan can be false
  const { id } = await rig.local.put(once(`${beginning}b`));
  const other = await rig.local.put(once(`${beginning}c`));
  const disk = createMemoryBlobs({ crypto });
  const holder = createHolder(disk);
  const beginAs = async (of: BlobId): Promise<void> => {
    const plan = (await planOf(rig.local, of)) as ReplicaPlan;
    await holder.begin({ id, plan });
  };
  const giveAs = async (of: BlobId): Promise<void> => {
    const plan = (await planOf(rig.local, of)) as ReplicaPlan;
    const { missing } = await holder.begin({ id, plan });
    for (const index of missing) {
      const bytes = await chunkOf(rig.local, { id: of, sizeBytes: plan.sizeBytes }, index);
      await holder.give({ id, index, bytes });
    }
    await holder.commit({ id });
  };
  await expect(giveAs(other.id)).rejects.toMatchObject({ code: 'BLOB_CORRUPT' });
  await beginAs(other.id); // and whoever began dies
  await giveAs(id);
  expect(await disk.info(id)).toMatchObject({ id });
});

test('a blob that is dropped while it is given is taken from the beginning when it is given again', async () => {
  const rig = makeRig();
  const { id } = await rig.local.put(once('a blob'));
  const disk = createMemoryBlobs({ crypto });
  const holder = createHolder(disk);
  const plan = (await planOf(rig.local, id)) as ReplicaPlan;
  const bytes = await chunkOf(rig.local, { id, sizeBytes: plan.sizeBytes }, 0);
  await holder.begin({ id, plan });
  await holder.give({ id, index: 0, bytes });
  await holder.drop({ ids: [id] });
  await expect(holder.commit({ id })).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
  expect(await holder.begin({ id, plan })).toEqual({ missing: [0] });
  await holder.give({ id, index: 0, bytes });
  await holder.commit({ id });
  expect(await disk.info(id)).toMatchObject({ id });
});

test(`more than ${idsAtOnceMax} ids are told in several parts`, async () => {
  const disk = createMemoryBlobs({ crypto });
  for (let number = 0; number <= idsAtOnceMax; number += 1) {
    await disk.put(once(String(number)));
  }
  const parts: number[] = [];
  for await (const { ids } of createHolder(disk).ids({})) {
    parts.push(ids.length);
  }
  expect(parts).toEqual([idsAtOnceMax, 1]);
});
