import { createNodeCrypto } from '@hansa/crypto-node';
import {
  blobIdSchema,
  federatedId,
  federatedIdSchema,
  fromHex,
  localId,
  toHex,
  utf8,
  type Call,
  type ClusterId,
} from '@hansa/foundation';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import {
  hashByHand,
  hashLayout,
  layOut,
  readVectors,
  type HandField,
} from '../../testkit/by-hand.ts';
import { connectTo, foundCluster, type PairedCluster } from '../../testkit/sync-pair.ts';
import { callerOf, clusterOf, linked, nodeOf } from '../../testkit/test-cluster.ts';
import { createHistory } from '../resources/history.ts';
import { challengeAnswer } from './challenges.ts';
import { rowsRoot } from './progress.ts';

const crypto = createNodeCrypto();
const history = createHistory(crypto);
const hex = z.string();
const blob = z.object({ id: blobIdSchema, sizeBytes: z.number(), manifest: blobIdSchema });
const vectors = z
  .object({
    held: z.array(
      z.object({
        name: z.string(),
        rows: z.array(
          z.object({
            resource: federatedIdSchema,
            epoch: z.number(),
            sequence: z.number(),
            digest: hex,
          }),
        ),
        root: hex,
      }),
    ),
    challenges: z.array(
      z.object({
        name: z.string(),
        prefix: z.string(),
        salt: hex,
        entries: z.array(
          z.object({ key: hex, version: z.number(), value: hex, blobs: z.array(blob) }),
        ),
        answer: hex,
      }),
    ),
  })
  .parse(readVectors('sync'));

describe('what a beat carries', () => {
  test.each(vectors.held)('vector: $name', ({ rows, root }) => {
    const ours = rows.map((row) => ({ ...row, digest: fromHex(row.digest) }));
    expect(toHex(rowsRoot(crypto, ours))).toBe(root);
    const fields = rows.flatMap(({ resource, epoch, sequence, digest }): HandField[] => [
      resource,
      epoch,
      sequence,
      { hex: digest },
    ]);
    expect(hashLayout('hansa/held/1', ...fields)).toBe(root);
  });
});

describe('the answer to a challenge', () => {
  const pathOf = ({ key }: { readonly key: string }): string => hashByHand(key);

  test.each(vectors.challenges)('vector: $name', ({ prefix, salt, entries, answer }) => {
    const chosen = entries
      .filter((entry) => pathOf(entry).startsWith(prefix))
      .toSorted((a, b) => (pathOf(a) < pathOf(b) ? -1 : 1));
    const ours = chosen.map(({ key, value, version, blobs }) => ({
      key: fromHex(key),
      value: fromHex(value),
      version,
      blobs,
    }));
    const asked = { prefix, salt: fromHex(salt) };
    expect(toHex(challengeAnswer({ crypto, history }, asked, ours))).toBe(answer);
    const fields = chosen.flatMap(({ key, version, value, blobs }): HandField[] => {
      const references = blobs.flatMap(({ id, sizeBytes, manifest }): HandField[] => [
        { hex: id },
        sizeBytes,
        { hex: manifest },
      ]);
      const list = layOut('hansa/blob-references/1', ...references);
      return [
        { hex: key },
        version,
        { hex: hashLayout('hansa/value/1', { hex: value }, { hex: list }) },
      ];
    });
    expect(hashLayout('hansa/challenge/2', { hex: salt }, prefix, ...fields)).toBe(answer);
  });
});

let clusters: PairedCluster[];
let life: AbortController;

beforeEach(() => {
  life = new AbortController();
  clusters = [];
});

afterEach(async () => {
  life.abort();
  await Promise.all(clusters.map((each) => each.end()));
});

async function found(byte: number, name: string): Promise<PairedCluster> {
  const cluster = await foundCluster(byte, name);
  clusters.push(cluster);
  return cluster;
}

describe('between two clusters', () => {
  let owner: PairedCluster;
  let mirror: PairedCluster;
  const notes = localId('kv', 'notes');
  const by = { author: 'ada' };

  const put = (key: string, value: string) => ({
    put: { key: utf8(key), value: utf8(value), blobs: [] },
  });
  const judged = async () => {
    const said = mirror.peers.progress?.held(owner.id);
    if (said === undefined || owner.peers.progress === undefined) {
      throw new Error('sync sets both');
    }
    return owner.peers.progress.judge(mirror.id, said, life.signal);
  };
  const resource = () => federatedId(owner.id, notes);

  beforeEach(async () => {
    owner = await found(1, 'lubeck');
    mirror = await found(11, 'bergen');
    connectTo(owner, mirror, { name: 'bergen' });
    connectTo(mirror, owner, { name: 'lubeck' });
    await owner.resources.create({ kind: 'kv', name: 'notes' });
    await owner.policies.add({
      effect: 'allow',
      resources: {},
      peers: { cluster: mirror.id },
      verbs: ['see', 'pull'],
    });
    for (let i = 0; i < 20; i += 1) {
      await owner.resources.append(notes, [put(`key-${i}`, String(i))], by);
    }
    await mirror.sync.sync.add({ resource: 'lubeck:kv/notes' });
    await expect.poll(() => mirror.sync.mirrors.find(resource())?.state).toBe('current');
  });

  test('a mirror that has everything is neither behind nor diverged, and its owner is told early', async () => {
    expect(mirror.peers.progress?.held(owner.id).missing).toBe(0);
    await expect(judged()).resolves.toEqual({ behind: 0, diverged: 0 });
    expect(mirror.peers.hurried.get(owner.id)).toBeGreaterThan(0);
  });

  test('a mirror that cannot follow is behind, as its owner sees it', async () => {
    mirror.sync.mirroring.stop(resource()).catch(() => undefined);
    await owner.resources.append(notes, [put('late', 'x')], by);
    await expect(judged()).resolves.toEqual({ behind: 1, diverged: 0 });
  });

  test('what is not served any more is not behind', async () => {
    await owner.policies.add({
      effect: 'deny',
      resources: {},
      peers: { cluster: mirror.id },
      verbs: ['pull'],
    });
    await owner.resources.append(notes, [put('late', 'x')], by);
    await expect(judged()).resolves.toEqual({ behind: 0, diverged: 0 });
    await expect.poll(() => mirror.sync.mirrors.find(resource())?.state).toBe('absent');
  });

  test('a mirror whose entries were damaged on its disk is found by a challenge, and mends itself', async () => {
    await judged();
    const { tables, store } = mirror;
    for (let i = 0; i < 20; i += 1) {
      const parts = [resource(), 1, utf8(`key-${i}`)];
      await store.batchWrite([
        tables.entries.put(parts, { value: utf8('bad'), version: 1, blobs: [] }),
      ]);
    }
    await owner.sync.progress.challengeAll(life.signal);
    await expect(judged()).resolves.toEqual({ behind: 0, diverged: 1 });
    await expect
      .poll(async () => {
        const row = await tables.entries.get(resource(), 1, utf8('key-7'));
        return String.fromCharCode(...(row?.value.value ?? []));
      })
      .toBe('7');
    await expect.poll(() => mirror.sync.mirrors.find(resource())?.state).toBe('current');
    await owner.sync.progress.challengeAll(life.signal);
    await expect(judged()).resolves.toEqual({ behind: 0, diverged: 0 });
  });

  test('a mirror that is whole answers every challenge', async () => {
    await judged();
    for (let round = 0; round < 40; round += 1) {
      await owner.sync.progress.challengeAll(life.signal);
    }
    await expect(judged()).resolves.toEqual({ behind: 0, diverged: 0 });
  });

  test('only the owner of a mirror may challenge it, and see what is held of it', async () => {
    const { syncPeer } = mirror.sync;
    const asked = { resource: resource(), prefix: '1', salt: new Uint8Array(32) };
    const as = (cluster: ClusterId): Call => ({ caller: callerOf(cluster, nodeOf(crypto, 99)) });
    await expect(syncPeer.challenge(asked, as(owner.id))).resolves.toMatchObject({ epoch: 1 });
    const stranger = clusterOf(crypto, 77);
    const absent = { code: 'MIRROR_NOT_FOUND' };
    await expect(syncPeer.challenge(asked, as(stranger))).rejects.toMatchObject(absent);
    const other = { ...asked, resource: federatedId(owner.id, localId('kv', 'unknown')) };
    await expect(syncPeer.challenge(other, as(owner.id))).rejects.toMatchObject(absent);
    await expect(syncPeer.held({}, as(owner.id))).resolves.toMatchObject({
      rows: [{ resource: resource() }],
    });
    await expect(syncPeer.held({}, as(stranger))).resolves.toEqual({ rows: [] });
  });

  test('changes arrive as they happen, and a mirror given up and taken again has them all', async () => {
    const { sequence } = await owner.resources.append(notes, [put('live', 'x')], by);
    await expect.poll(() => mirror.sync.mirrors.find(resource())?.applied?.sequence).toBe(sequence);
    await mirror.sync.sync.remove({ resource: 'lubeck:kv/notes' });
    const gone = mirror.sync.sync.show({ resource: 'lubeck:kv/notes' });
    await expect(gone).rejects.toMatchObject({ code: 'MIRROR_NOT_FOUND' });
    await mirror.sync.sync.add({ resource: 'lubeck:kv/notes' });
    await expect.poll(() => mirror.sync.mirrors.find(resource())?.applied?.sequence).toBe(sequence);
  });

  test('a resource that is made again, and is empty, is followed into its new epoch', async () => {
    await owner.resources.remove(notes);
    await expect.poll(() => mirror.sync.mirrors.find(resource())?.state).toBe('absent');
    await owner.resources.create({ kind: 'kv', name: 'notes' });
    await mirror.sync.sync.now({ waitMs: 5_000 });
    await expect.poll(() => mirror.sync.mirrors.find(resource())?.applied?.epoch).toBe(2);
    expect(mirror.sync.mirrors.find(resource())?.state).toBe('current');
  });

  test('what cannot be mirrored is refused with its reason', async () => {
    const { sync } = mirror.sync;
    const add = (spelled: string): Promise<unknown> => sync.add({ resource: spelled });
    await expect(add('lubeck:kv/notes')).rejects.toMatchObject({ code: 'MIRROR_EXISTS' });
    await expect(add('lubeck:kv/absent')).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
    await expect(add('nobody:kv/notes')).rejects.toMatchObject({ code: 'LINK_NOT_FOUND' });
    for (const spelled of ['notes', 'lubeck:', 'lubeck:kv/']) {
      await expect(add(spelled)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    }
    const own = federatedId(mirror.id, notes);
    await expect(add(own)).rejects.toMatchObject({ code: 'LINK_TO_SELF' });
    const unknownKind = federatedId(owner.id, localId('tape', 'notes'));
    await expect(add(unknownKind)).rejects.toMatchObject({ code: 'KIND_UNKNOWN' });
    mirror.peers.set({ ...linked(owner.id, 'lubeck'), mine: false });
    await expect(add('lubeck:kv/other')).rejects.toMatchObject({ code: 'LINK_NOT_OURS' });
  });
});
