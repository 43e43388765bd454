// What crosses the wire, read by a parser of its own: of what is not shared nothing leaves, in no
// list, answer or stream, whatever a peer asks for; and asking for it is answered as asking for
// what does not exist, byte for byte.
import { randomBytes } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CatalogItem } from '@hansa/capabilities/catalog/contract';
import {
  federatedId,
  localId,
  remote,
  type AnyContract,
  type BlobId,
  type Carrier,
  type FederatedId,
} from '@hansa/foundation';
import { beforeAll, describe, expect, test } from 'vitest';
import { catalogPeerContract } from '../../capabilities/catalog/wire.ts';
import { lanePeerContract } from '../../capabilities/lanes/wire.ts';
import { recoveryPeerContract } from '../../capabilities/recovery/wire.ts';
import { blobPeerContract, syncPeerContract } from '../../capabilities/sync/wire.ts';
import { startCluster, type Cluster } from './harness/cluster.ts';
import { commit, gitOk } from './harness/git.ts';
import { linkByHand, makePeer } from './harness/hand-made-peer.ts';
import { must } from './harness/linking.ts';
import { publish, push } from './harness/mirroring.ts';
import { until } from './harness/until.ts';
import { leaves, readFrame, type Plain, type ReadFrame } from './rooms/frame-reader.ts';

// Of one length, so that the frames of their answers have one as well.
const hidden = 'hidden-4711';
const nobody = 'nobody-4711';
const shown = 'shown';
const secretWords = `words-${randomBytes(8).toString('hex')}`;
const contracts: readonly AnyContract[] = [
  catalogPeerContract,
  syncPeerContract,
  blobPeerContract,
  lanePeerContract,
  recoveryPeerContract,
];
const sliceBytes = 24; // of content: that many equal ones are no accident
const quietMs = 400; // a stream that has not begun by then waits for news

let lubeck: Cluster;
let owner: CatalogItem['owner'];
let work: string;
/** Everything that the curious peer was sent, from the first hello on. */
const frames: Uint8Array[] = [];
let curious: Carrier;
/** What is to stay at home: names, ids, hashes, pieces of content. */
let secrets: readonly string[];
let secretBlob: BlobId;

const idOf = (name: string): FederatedId => federatedId(owner, localId('git', name));
const latin = (bytes: Uint8Array): string => Buffer.from(bytes).toString('latin1');

beforeAll(async () => {
  lubeck = await startCluster({ name: 'lubeck' });
  owner = (await lubeck.api<{ cluster: typeof owner }>('GET', '/status')).body.cluster;
  await publish(lubeck, shown);
  work = await publish(lubeck, hidden);
  writeFileSync(join(work, 'cargo.bin'), randomBytes(200_000));
  writeFileSync(join(work, 'letter.txt'), secretWords);
  await commit(work, secretWords);
  await push(work, lubeck, hidden);
  // Whoever may pull it tells what there is to be told.
  const friend = await makePeer('friend');
  const friendly = await linkByHand(friend, lubeck, { mine: true });
  await must(lubeck, 'share', 'add', hidden, '--to', 'friend');
  secrets = await everythingOf(friendly.carrier);
  const peer = await makePeer('oslo', (frame) => frames.push(frame));
  const link = await linkByHand(peer, lubeck, { mine: true });
  curious = link.carrier;
  await must(lubeck, 'share', 'add', shown, '--to', 'oslo');
});

/** Ids, hashes and content of the hidden repository, as they would look in a frame. */
async function everythingOf(carrier: Carrier): Promise<readonly string[]> {
  const found = new Set<string>([secretWords, 'letter.txt', 'cargo.bin']);
  for (const id of (await gitOk(work, 'rev-list', '--all', '--objects')).split('\n')) {
    found.add(id.slice(0, 40)).add(latin(Buffer.from(id.slice(0, 40), 'hex')));
  }
  const resource = idOf(hidden);
  const wire = remote(syncPeerContract, carrier);
  for await (const item of wire.follow({ resource, epoch: 0, sequence: 0 })) {
    if ('head' in item) {
      const { chain, digest, salt } = item.head;
      [chain, digest, salt].forEach((bytes) => found.add(latin(bytes)));
      break;
    }
    for (const op of item.change.change.ops) {
      for (const { id, sizeBytes, manifest } of 'put' in op ? op.put.blobs : []) {
        [id, manifest].forEach((each) => found.add(each).add(latin(Buffer.from(each, 'hex'))));
        secretBlob = sizeBytes > 100_000 ? id : (secretBlob ?? id);
      }
    }
  }
  const chunks = remote(blobPeerContract, carrier).chunks({
    resource,
    blob: secretBlob,
    indexes: [0],
  });
  for await (const chunk of chunks) {
    expect(chunk.length).toBeGreaterThan(100_000);
    for (let at = 64; at + sliceBytes < chunk.length; at += 4_096) {
      found.add(latin(chunk.subarray(at, at + sliceBytes)));
    }
  }
  return [...found].filter((each) => each.length >= 9);
}

function inputAbout(resource: FederatedId, blob: BlobId): Record<string, unknown> {
  return {
    resource,
    resources: [resource],
    epoch: 0,
    sequence: 0,
    blob,
    blobs: [blob],
    indexes: [0],
    ref: 'refs/heads/main',
    nibble: 1,
    salt: new Uint8Array(32).fill(7),
    mark: new Uint8Array(32).fill(9),
  };
}

/** Asks by every method there is; a stream is left once it waits or has told enough. */
async function askEverything(resource: FederatedId, blob: BlobId): Promise<readonly ReadFrame[]> {
  const answers: ReadFrame[] = [];
  for (const contract of contracts) {
    for (const [name, method] of Object.entries(contract.methods)) {
      const input = method.input.safeParse(inputAbout(resource, blob));
      if (input.success) {
        const begun = frames.length;
        await ask(contract, { name, watch: method.watch === true, input: input.data });
        const said = frames.slice(begun).map(readFrame);
        answers.push(...said.filter(({ kind }) => ['result', 'error', 'item'].includes(kind)));
      }
    }
  }
  return answers;
}

async function ask(
  contract: AnyContract,
  {
    name,
    watch,
    input,
  }: { readonly name: string; readonly watch: boolean; readonly input: unknown },
): Promise<void> {
  const signal = AbortSignal.timeout(quietMs);
  try {
    if (!watch) {
      await curious.call(contract, name, input, {});
      return;
    }
    for await (const _item of curious.watch(contract, name, input, { signal })) {
      // heard as a frame
    }
  } catch {
    // a refusal is a frame as well
  }
}

function textsOf(value: Plain): string[] {
  return Array.from(leaves(value), (leaf) => (typeof leaf === 'string' ? leaf : latin(leaf)));
}

/** Beside its own bytes, a text may be told as hex. */
function leakedIn(frame: Uint8Array): readonly string[] {
  const raw = latin(frame);
  return secrets.filter((secret) => raw.includes(secret));
}

describe('a peer that asks for everything by every method', () => {
  test('is answered about what is not shared as about what does not exist, byte for byte', async () => {
    const blob = secretBlob;
    const [unshared, unknown] = [
      await askEverything(idOf(hidden), blob),
      await askEverything(idOf(nobody), blob),
    ];
    expect(unknown.length).toBeGreaterThan(8);
    const shape = ({ kind, rest }: ReadFrame): string =>
      `${kind} ${latin(rest).replaceAll(hidden, nobody)}`;
    expect(unshared.map(shape)).toEqual(unknown.map(shape));
    // An error repeats what was asked for; nothing else so much as names it.
    const naming = unshared.filter(({ value }) => textsOf(value).join(' ').includes(hidden));
    expect(new Set(naming.map(({ kind }) => kind))).toEqual(new Set(['error']));
  });

  test('learns of a blob through another resource no more than of any other blob', async () => {
    const any = randomBytes(32).toString('hex') as BlobId;
    const [through, random] = [
      await askEverything(idOf(shown), secretBlob),
      await askEverything(idOf(shown), any),
    ];
    const ofBlob = (answers: readonly ReadFrame[], blob: BlobId): readonly string[] =>
      answers
        .filter(({ value }) => textsOf(value).some((each) => each.includes(blob)))
        .map(({ kind, rest }) => `${kind} ${latin(rest).replaceAll(blob, any)}`);
    expect(ofBlob(through, secretBlob)).toEqual(ofBlob(random, any));
    expect(ofBlob(random, any).length).toBeGreaterThan(0);
    expect(ofBlob(random, any).every((each) => each.startsWith('error '))).toBe(true);
  });

  test('is listed what it may see, and is told of changes of nothing else', async () => {
    const catalog = remote(catalogPeerContract, curious);
    const control = new AbortController();
    const changes = catalog.changes({}, { signal: control.signal })[Symbol.asyncIterator]();
    const told = changes.next().then(
      () => 'told',
      () => 'left',
    );
    const begun = frames.length;
    await catalog.list({});
    await commit(work, `${secretWords} again`);
    await push(work, lubeck, hidden);
    await gitOk(
      work,
      'push',
      '--quiet',
      `${lubeck.url}/git/${hidden}.git`,
      'HEAD:refs/heads/extra',
    );
    await must(lubeck, 'share', 'add', hidden, '--to', 'friend', '--allow', 'see,pull,push');
    const lists = (): readonly ReadFrame[] => frames.slice(begun).map(readFrame);
    await catalog.list({});
    const listed = lists().filter(
      ({ kind, value }) => kind === 'result' && textsOf(value).includes('items'),
    );
    expect(listed.length).toBeGreaterThanOrEqual(2);
    for (const { value } of listed) {
      const names = textsOf(value).filter((each) => each.startsWith(`${owner}:`));
      expect(names).toEqual([idOf(shown)]);
    }
    expect(lists().filter(({ kind }) => kind === 'item')).toEqual([]);
    // What it may see is told of at once, so the silence above was not deafness.
    await must(lubeck, 'share', 'add', shown, '--to', 'oslo', '--allow', 'see,pull,push');
    await until('the change of what it may do is told', async () => {
      const items = lists().filter(({ kind }) => kind === 'item');
      return items.length > 0;
    });
    expect(await told).toBe('told');
    control.abort();
  });
});

test('in everything that it was sent, nothing of what is not shared is to be found', () => {
  expect(frames.length).toBeGreaterThan(30);
  expect(secrets.length).toBeGreaterThan(30);
  // That which is asked for by its id is repeated by the error that answers it, and no more.
  const errors = frames.filter((frame) => readFrame(frame).kind === 'error');
  for (const frame of frames) {
    const mayEcho = errors.includes(frame) ? [secretBlob as string] : [];
    expect(leakedIn(frame).filter((secret) => !mayEcho.includes(secret))).toEqual([]);
  }
  // The parser and the search do find what is there.
  const sample = secrets.at(-1) ?? '';
  expect(leakedIn(Buffer.from(`xx${sample}xx`, 'latin1'))).toContain(sample);
});

test('taken back and shared again, what was made meanwhile was never sent', async () => {
  const wire = remote(syncPeerContract, curious);
  const { rules } = (
    await lubeck.api<{ rules: { id: string; resources: { name?: string } }[] }>('GET', '/rules')
  ).body;
  const begun = frames.length;
  const control = new AbortController();
  const stream = wire.follow(
    { resource: idOf(shown), epoch: 0, sequence: 0 },
    { signal: control.signal },
  );
  const reading = (async () => {
    for await (const _item of stream) {
      // heard as a frame
    }
  })().catch(() => 'ended');
  await until('the stream has begun', () => frames.length > begun);
  for (const rule of rules.filter(({ resources }) => resources.name === shown)) {
    await lubeck.api('DELETE', `/rules/${rule.id}`);
  }
  expect(await reading).toBe('ended');
  const before = frames.length;
  await must(lubeck, 'repo', 'create', `${shown}-not`);
  const { heads } = await wire.heads({ resources: [idOf(shown)] });
  expect(heads).toEqual([null]);
  const after = frames.slice(before).map(readFrame);
  expect(after.filter(({ kind }) => kind === 'item')).toEqual([]);
  control.abort();
});
