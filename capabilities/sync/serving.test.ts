import { createMemoryBlobs, type MemoryBlobs } from '@hansa/blobs-memory';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  blobIdSchema,
  federatedId,
  fromHex,
  localId,
  manifestId,
  remote,
  toHex,
  utf8,
  type FederatedId,
} from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { createSystemClock } from '@hansa/system-node';
import { beforeEach, describe, expect, test } from 'vitest';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import {
  callerOf,
  carrierTo,
  clusterOf,
  collect,
  createTestSigner,
  nodeOf,
} from '../../testkit/test-cluster.ts';
import { verbs, type Enforcement, type Verb } from '../policies/contract.ts';
import {
  batchChangesMax,
  type BlobReference,
  type ChangeOp,
  type ResourceLog,
} from '../resources/contract.ts';
import { createHistory } from '../resources/history.ts';
import { createResourceLog } from '../resources/log.ts';
import { createServing } from './serving.ts';
import { blobPeerContract, contentsBytesMax, type BlobPeer, type FollowItem } from './wire.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const history = createHistory(crypto);
const clock = createSystemClock();
const signer = createTestSigner(crypto, 1, 'lubeck');
const bergen = clusterOf(crypto, 11);
const visby = clusterOf(crypto, 13);
const shared = localId('kv', 'shared');
const secret = localId('kv', 'secret');
const by = { author: 'ada' };

let log: ResourceLog;
let blobs: MemoryBlobs;
let granted: Set<string>;
let decisions: Set<() => void>;
let serving: ReturnType<typeof createServing>;
let life: AbortController;

const ours = (id: typeof shared): FederatedId => federatedId(signer.cluster, id);

beforeEach(async () => {
  life = new AbortController();
  const store = createMemoryStore({ clock });
  const random = createSeededRandom(1);
  const made = createResourceLog({ store, codec, crypto, clock, random, signer });
  await made.start(life.signal);
  log = made.log;
  blobs = createMemoryBlobs({ crypto });
  granted = new Set();
  decisions = new Set();
  const may = (verb: Verb, id: string): boolean => granted.has(`${verb} ${id}`);
  const enforcement: Enforcement = {
    visible: (peer, verb) =>
      new Set(peer === bergen ? [shared, secret].filter((id) => may(verb, id)) : []),
    decide: (peer, verb, resource) => ({
      allowed: peer === bergen && may(verb, resource),
      verb,
      resource,
      peer,
      reason: 'no rule allows it',
    }),
    granted: (peer, id) => verbs.filter((verb) => peer === bergen && may(verb, id)),
    subscribe(changed) {
      decisions.add(changed);
      return () => decisions.delete(changed);
    },
  };
  serving = createServing({ cluster: signer.cluster, resources: log, enforcement, blobs });
  await log.create({ kind: 'kv', name: 'shared' });
  await log.create({ kind: 'kv', name: 'secret' });
  grant('see', shared);
  grant('pull', shared);
});

function grant(verb: Verb, id: typeof shared): void {
  granted.add(`${verb} ${id}`);
  decisions.forEach((changed) => changed());
}

function withdrawPull(): void {
  granted.delete(`pull ${shared}`);
  decisions.forEach((changed) => changed());
}

function put(key: string, value: string, references: readonly BlobReference[] = []): ChangeOp {
  return { put: { key: utf8(key), value: utf8(value), blobs: references } };
}

function asPeer(cluster = bergen, signal: AbortSignal = life.signal) {
  return { caller: callerOf(cluster, nodeOf(crypto, 12)), signal };
}

function follow(
  resource: FederatedId,
  at: { epoch: number; sequence: number } = { epoch: 0, sequence: 0 },
  call = asPeer(),
): AsyncIterator<FollowItem> {
  return serving.follow({ resource, ...at }, call)[Symbol.asyncIterator]();
}

async function take(items: AsyncIterator<FollowItem>, count: number): Promise<FollowItem[]> {
  const taken: FollowItem[] = [];
  while (taken.length < count) {
    const { done, value } = await items.next();
    expect(done ?? false).toBe(false);
    taken.push(value);
  }
  return taken;
}

/** `change 4`, `head 7`. */
function shown(items: readonly FollowItem[]): string[] {
  return items.map((item) =>
    'head' in item ? `head ${item.head.sequence}` : `change ${item.change.sequence}`,
  );
}

describe('following a resource', () => {
  test('begins with what there is, in batches that end at signed heads, and goes on with what comes', async () => {
    const first = await log.append(shared, [put('a', '1')], by);
    const second = await log.append(shared, [put('a', '2')], by);
    const items = follow(ours(shared));
    const all = await take(items, 3);
    expect(shown(all)).toEqual([
      `change ${first.sequence}`,
      `change ${second.sequence}`,
      `head ${second.sequence}`,
    ]);
    const next = take(items, 2);
    const third = await log.append(shared, [put('b', '3')], by);
    expect(shown(await next)).toEqual([`change ${third.sequence}`, `head ${third.sequence}`]);
    const head = all[2];
    if (head === undefined || !('head' in head)) {
      throw new Error('the third was a head');
    }
    expect(() => history.verifyHead(head.head, fromHex(signer.cluster))).not.toThrow();
  });

  test('from the present position begins with its head, and from an older one with what is missing', async () => {
    const first = await log.append(shared, [put('a', '1')], by);
    const second = await log.append(shared, [put('a', '2')], by);
    const present = await take(follow(ours(shared), second), 1);
    expect(shown(present)).toEqual([`head ${second.sequence}`]);
    const behind = await take(follow(ours(shared), first), 2);
    expect(shown(behind)).toEqual([`change ${second.sequence}`, `head ${second.sequence}`]);
  });

  test('of an empty resource gives its head', async () => {
    const position = await log.position(shared);
    const [only] = await take(follow(ours(shared)), 1);
    expect(shown(only === undefined ? [] : [only])).toEqual([`head ${position?.sequence}`]);
  });

  test('that was made again begins its new epoch, whatever the mirror holds', async () => {
    const old = await log.append(shared, [put('a', '1')], by);
    await log.remove(shared);
    await log.create({ kind: 'kv', name: 'shared' });
    const fresh = await log.append(shared, [put('b', '1')], by);
    const items = await take(follow(ours(shared), old), 2);
    expect(shown(items)).toEqual([`change ${fresh.sequence}`, `head ${fresh.sequence}`]);
    expect(items[1]).toMatchObject({ head: { epoch: 2 } });
  });

  test('of a long history has a head at least every thousand changes', async () => {
    for (let i = 0; i < batchChangesMax + 3; i += 1) {
      await log.append(shared, [put('a', String(i))], by);
    }
    const items = await take(follow(ours(shared)), batchChangesMax + 5);
    const heads = items.flatMap((item, index) => ('head' in item ? [index] : []));
    expect(heads).toEqual([batchChangesMax, batchChangesMax + 4]);
    // Whoever has applied the first of them is not where its owner is, and is told so.
    expect(heads.map((index) => 'more' in (items[index] ?? {}))).toEqual([true, false]);
  });

  test('from a position that this owner is behind of is HEAD_REWOUND', async () => {
    const { epoch, sequence } = await log.append(shared, [put('a', '1')], by);
    for (const at of [
      { epoch, sequence: sequence + 1 },
      { epoch: epoch + 1, sequence: 1 },
    ]) {
      const items = follow(ours(shared), at);
      await expect(items.next()).rejects.toMatchObject({
        code: 'HEAD_REWOUND',
        message: expect.stringContaining('at its owner, behind your'),
      });
    }
  });

  test('from a position that this owner never had is HEAD_FORKED', async () => {
    const { sequence } = await log.append(shared, [put('a', '1')], by);
    await log.append(secret, [put('a', '1')], by);
    await log.append(shared, [put('a', '2')], by);
    const items = follow(ours(shared), { epoch: 1, sequence: sequence + 1 });
    await expect(items.next()).rejects.toMatchObject({ code: 'HEAD_FORKED' });
  });

  test('ends with the reader, and leaves no subscription behind', async () => {
    const reader = new AbortController();
    const items = follow(ours(shared), undefined, asPeer(bergen, reader.signal));
    await take(items, 1);
    const next = items.next();
    expect(decisions.size).toBe(1);
    reader.abort();
    await expect(next).resolves.toMatchObject({ done: true });
    expect(decisions.size).toBe(0);
  });

  test('that is refused leaves no subscription behind either', async () => {
    await expect(follow(ours(secret)).next()).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
    expect(decisions.size).toBe(0);
  });
});

describe('a door that closes', () => {
  test('ends the stream at once, also while nothing happens', async () => {
    await log.append(shared, [put('a', '1')], by);
    const items = follow(ours(shared));
    await take(items, 2);
    const next = items.next();
    withdrawPull();
    await expect(next).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
  });

  test('in the middle of a batch sends nothing more of it', async () => {
    for (let i = 0; i < 5; i += 1) {
      await log.append(shared, [put('a', String(i))], by);
    }
    const items = follow(ours(shared));
    await take(items, 2);
    withdrawPull();
    await expect(items.next()).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
  });

  test('when the resource is removed answers as if it had never been', async () => {
    const items = follow(ours(shared));
    await take(items, 1);
    const next = items.next();
    await log.remove(shared);
    await expect(next).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
  });

  test('ends a blob between two chunks', async () => {
    const reference = await keepBlob(3 * 1_024 * 1_024);
    await log.append(shared, [put('a', '1', [reference])], by);
    const asked = { resource: ours(shared), blob: reference.id, indexes: [0, 1, 2] };
    const chunks = serving.blobs.chunks(asked, asPeer())[Symbol.asyncIterator]();
    await chunks.next();
    withdrawPull();
    await expect(chunks.next()).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
  });
});

async function keepBlob(size: number): Promise<BlobReference> {
  const bytes = Uint8Array.from({ length: size }, (_, at) => at % 251);
  const source = async function* (): AsyncIterable<Uint8Array> {
    yield bytes;
  };
  const { id } = await blobs.put(source());
  const info = { id, sizeBytes: size };
  return { ...info, manifest: manifestId(crypto, info, await blobs.chunks(id)) };
}

describe('what a peer may not have is absent', () => {
  const foreign = federatedId(visby, shared);
  const unknown = ours(localId('kv', 'unknown'));
  const cases: readonly (readonly [string, FederatedId])[] = [
    ['unshared', ours(secret)],
    ['unknown', unknown],
    ['another’s', foreign],
  ];
  const blob = blobIdSchema.parse('a'.repeat(64));

  /** Everything a peer can ask about a resource, as it is answered, without the id asked for. */
  async function answers(resource: FederatedId, call = asPeer()): Promise<unknown[]> {
    const told = async (work: () => Promise<unknown>): Promise<unknown> =>
      work().catch((error: unknown) => JSON.stringify(error, ['code', 'message', 'fix', 'facts']));
    const input = { resource, blob, indexes: [0] };
    const said = await Promise.all([
      told(() => follow(resource, undefined, call).next()),
      told(() => serving.heads({ resources: [resource] }, call)),
      told(() => serving.renew({ held: [{ resource, epoch: 1, sequence: 3 }] }, call)),
      told(() => serving.blobs.manifest(input, call)),
      told(() => collect(serving.blobs.chunks(input, call))),
    ]);
    return said.map((each) => JSON.stringify(each).replaceAll(resource, 'it'));
  }

  test('in the same words, whether it is unshared, unknown or another’s', async () => {
    await log.append(secret, [put('a', '1', [await keepBlob(10)])], by);
    const all = await Promise.all(cases.map(([, resource]) => answers(resource)));
    expect(all[0]).toEqual(all[1]);
    expect(all[0]).toEqual(all[2]);
    expect(String(all[0]?.[0])).toContain('RESOURCE_NOT_FOUND');
    expect(all[0]?.[1]).toBe('{"heads":[null]}');
  });

  test('to a stranger, also what others may have', async () => {
    const stranger = await answers(ours(shared), asPeer(visby));
    expect(stranger).toEqual(await answers(unknown, asPeer(visby)));
  });

  test.each(cases)('heads of what is %s are null among the others', async (_, resource) => {
    const asked = [resource, ours(shared), resource];
    const { heads } = await serving.heads({ resources: asked }, asPeer());
    expect(heads.map((head) => head?.resource ?? null)).toEqual([null, ours(shared), null]);
  });

  test('to everybody who is not a cluster that proved who it is', async () => {
    const call = { caller: { kind: 'owner' }, signal: life.signal } as const;
    const heads = serving.heads({ resources: [ours(shared)] }, call);
    await expect(heads).rejects.toMatchObject({ code: 'FORBIDDEN' });
    const anonymous = serving.heads({ resources: [ours(shared)] }, {});
    await expect(anonymous).rejects.toMatchObject({ code: 'FORBIDDEN' });
  });
});

describe('heads asked for together', () => {
  test('are signed by one signature, each with the position of its resource', async () => {
    grant('pull', secret);
    await log.append(secret, [put('a', '1')], by);
    const { heads } = await serving.heads({ resources: [ours(shared), ours(secret)] }, asPeer());
    expect(new Set(heads.map((head) => toHex(head?.tick.root ?? utf8('')))).size).toBe(1);
    expect(heads[1]?.sequence).toBe((await log.position(secret))?.sequence);
  });
});

describe('a blob', () => {
  const withBlobs = (): BlobPeer =>
    remote(
      blobPeerContract,
      carrierTo([{ contract: blobPeerContract, service: serving.blobs }], asPeer().caller),
    );

  test('is served where a readable resource names it, in the chunks that are asked for', async () => {
    const reference = await keepBlob(2 * 1_024 * 1_024 + 7);
    await log.append(shared, [put('a', '1', [reference])], by);
    const asked = { resource: ours(shared), blob: reference.id };
    const { sizeBytes, chunks } = await withBlobs().manifest(asked);
    expect(sizeBytes).toBe(reference.sizeBytes);
    expect(chunks).toHaveLength(3 * 32);
    const got = await collect(withBlobs().chunks({ ...asked, indexes: [2, 0] }));
    expect(got.map(({ length }) => length)).toEqual([7, 1_024 * 1_024]);
  });

  test('that are small come in items of so many bytes', async () => {
    const half = contentsBytesMax / 2;
    const kept = await Promise.all([half - 1, half, half + 1].map(keepBlob));
    await log.append(shared, [put('a', '1', kept)], by);
    const sizes = async (...at: readonly number[]) => {
      const ids = at.flatMap((each) => kept[each]?.id ?? []);
      const asked = { resource: ours(shared), blobs: ids };
      const items = await collect(withBlobs().contents(asked));
      return items.map((item) => item.map(({ bytes }) => bytes.length));
    };
    expect(await sizes(0, 2)).toEqual([[half - 1, half + 1]]);
    expect(await sizes(1, 2)).toEqual([[half], [half + 1]]);
  });

  test('that no resource of the caller names is not there, though it lies on the disk', async () => {
    const hidden = await keepBlob(10);
    await log.append(secret, [put('a', '1', [hidden])], by);
    const asked = { resource: ours(shared), blob: hidden.id };
    const refused = withBlobs().manifest(asked);
    await expect(refused).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
    const absent = withBlobs().manifest({ ...asked, blob: blobIdSchema.parse('b'.repeat(64)) });
    await expect(absent).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
    const chunks = collect(withBlobs().chunks({ ...asked, indexes: [0] }));
    await expect(chunks).rejects.toMatchObject({ code: 'BLOB_NOT_FOUND' });
  });

  test.each([1, 2, 1_000_000, Number.MAX_SAFE_INTEGER])(
    'has no chunk %i, and asking for it is the asker’s mistake',
    async (index) => {
      const reference = await keepBlob(10);
      await log.append(shared, [put('a', '1', [reference])], by);
      const asked = { resource: ours(shared), blob: reference.id, indexes: [index] };
      await expect(collect(withBlobs().chunks(asked))).rejects.toMatchObject({
        code: 'INPUT_INVALID',
      });
    },
  );
});
