import { createMemoryBlobs, type MemoryBlobs } from '@hansa/blobs-memory';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { HansaError, localId, type FederatedId } from '@hansa/foundation';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  appId,
  createForgeBench,
  toolsId,
  type ForgeDisk,
  type ForgeNode,
} from '../../testkit/forge-bench.ts';
import { requires } from '../../testkit/needs.ts';
import type { StockGit } from '../../testkit/stock-git.ts';
import { collect } from '../../testkit/test-cluster.ts';
import type { ResourceEntry, SequencedChange } from '../resources/contract.ts';
import type { FederatedKind, MirrorView } from '../sync/contract.ts';
import { createCaches } from './caches.ts';
import type { Git } from './git.ts';
import { createGitKind } from './mirrored.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const app = localId('git', 'app');
const bench = createForgeBench();
const needed = requires('git');

afterEach(() => bench.end());

describe.skipIf(!needed.available)('a mirror of a repository', () => {
  let kept: ForgeDisk;
  let owner: ForgeNode;
  let ada: StockGit;
  let url: string;
  let git: Git;
  let blobs: MemoryBlobs;
  let kind: FederatedKind;
  let key: string;

  beforeEach(async () => {
    kept = bench.disk();
    owner = await bench.node(kept);
    await owner.forge.create({ name: 'app' });
    url = `${owner.server.url}/app.git`;
    ada = await bench.person();
    await ada.run('.', 'init', '-q', 'work');
    await ada.commit('work', 'a', 'one\n');
    await ada.run('work', 'push', '-q', url, 'main');
    git = await bench.git();
    blobs = createMemoryBlobs({ crypto });
    const needs = bench.cacheNeeds(git, blobs);
    const caches = createCaches(needs);
    kind = createGitKind(needs, caches);
    key = caches.key({ resource: appId, epoch: 1 });
  });

  /** The mirror's entries as they stand after so many of the owner's changes. */
  function viewAfter(changes: readonly SequencedChange[]): MirrorView {
    const entries = new Map<string, ResourceEntry>();
    for (const op of changes.flatMap(({ change }) => change.ops)) {
      if ('put' in op) {
        entries.set(op.put.key.join(), { ...op.put, version: 1 });
      } else {
        entries.delete(op.delete.key.join());
      }
    }
    return {
      resource: appId,
      epoch: 1,
      entry: async (wanted) => entries.get(wanted.join()),
      async *entries() {
        yield* entries.values();
      },
    };
  }

  async function changesSoFar(): Promise<SequencedChange[]> {
    return collect(owner.log.changes(app, { epoch: 1, sequence: 0 }));
  }

  async function carryBlobs(): Promise<void> {
    for await (const { id } of kept.blobs.list()) {
      await blobs.put(kept.blobs.read(id));
    }
  }

  const never = new AbortController().signal;

  test('shows nothing of a batch before it is committed, and all of it after', async () => {
    const changes = await changesSoFar();
    await carryBlobs();
    const staged = await kind.stage(viewAfter([]), changes, never);
    expect((await git.state(key)).refs).toEqual([]);
    await staged.commit();
    const { refs } = await owner.forge.show({ name: 'app' });
    expect((await git.state(key)).refs).toEqual(refs);
    await expect(git.fsck(key)).resolves.toEqual([]);
  });

  test('takes many pushes in one batch, and later ones that lean on them', async () => {
    await ada.commit('work', 'a', 'two\n');
    await ada.run('work', 'push', '-q', url, 'main');
    const first = await changesSoFar();
    await carryBlobs();
    await (await kind.stage(viewAfter([]), first, never)).commit();
    await ada.commit('work', 'a', 'three\n');
    await ada.run('work', 'push', '-q', url, 'main', 'main:refs/tags/v1');
    await carryBlobs();
    const all = await changesSoFar();
    await (await kind.stage(viewAfter(first), all.slice(first.length), never)).commit();
    const { refs } = await owner.forge.show({ name: 'app' });
    expect((await git.state(key)).refs).toEqual(refs);
  });

  test('refuses a batch whose refs need objects that are nowhere, and keeps what it had', async () => {
    const [first, ...none] = await changesSoFar();
    expect(none).toEqual([]);
    if (first === undefined) {
      throw new Error('there was a push');
    }
    await carryBlobs();
    const ops = first.change.ops.filter((op) => 'put' in op && op.put.blobs.length === 0);
    const hollow = { ...first, change: { ...first.change, ops } };
    await expect(kind.stage(viewAfter([]), [hollow], never)).rejects.toMatchObject({
      code: 'GIT_CLOSURE_INCOMPLETE',
    });
    expect((await git.state(key)).refs).toEqual([]);
    await (await kind.stage(viewAfter([]), [first], never)).commit();
  });

  test('refuses refs that git would not move, before the store moves', async () => {
    const [first] = await changesSoFar();
    if (first === undefined) {
      throw new Error('there was a push');
    }
    await carryBlobs();
    const commit = (await ada.run('work', 'rev-parse', 'HEAD')).trim();
    const tree = (await ada.run('work', 'rev-parse', 'HEAD^{tree}')).trim();
    const branch = { name: 'refs/heads/main', target: commit };
    const lies = [
      { refs: [branch], head: 'refs/tags/v1', shallow: [] },
      { refs: [{ ...branch, target: tree }], head: branch.name, shallow: [] },
    ];
    for (const lie of lies) {
      const value = codec.encode({ inline: lie });
      const ops = first.change.ops.map((op) =>
        'put' in op && op.put.blobs.length === 0 ? { put: { ...op.put, value } } : op,
      );
      const forged = { ...first, change: { ...first.change, ops } };
      await expect(kind.stage(viewAfter([]), [forged], never)).rejects.toMatchObject({
        code: 'CHANGE_INVALID',
      });
    }
    await (await kind.stage(viewAfter([]), [first], never)).commit();
  });

  test('refuses a pack with a flipped bit, though its blob was signed so', async () => {
    const [first] = await changesSoFar();
    const pack = first?.change.ops.flatMap((op) => ('put' in op ? op.put.blobs : []))[0];
    if (first === undefined || pack === undefined) {
      throw new Error('there was a pack');
    }
    const bytes = Buffer.concat(await collect(kept.blobs.read(pack.id)));
    bytes.writeUInt8(bytes.readUInt8(bytes.length - 30) ^ 1, bytes.length - 30);
    const source = async function* (): AsyncIterable<Uint8Array> {
      yield bytes;
    };
    const { id } = await blobs.put(source());
    const ops = first.change.ops.map((op) =>
      'put' in op && op.put.blobs.length > 0
        ? { put: { ...op.put, blobs: [{ ...pack, id }] } }
        : op,
    );
    const forged = { ...first, change: { ...first.change, ops } };
    await expect(kind.stage(viewAfter([]), [forged], never)).rejects.toBeInstanceOf(HansaError);
    expect((await git.state(key)).refs).toEqual([]);
  });

  test('that crashed between store and cache follows the store when it is settled', async () => {
    const changes = await changesSoFar();
    await carryBlobs();
    await kind.stage(viewAfter([]), changes, never);
    await kind.settle(viewAfter(changes), never);
    const { refs } = await owner.forge.show({ name: 'app' });
    expect((await git.state(key)).refs).toEqual(refs);
  });

  test('that lost its cache is rebuilt from its blobs alone', async () => {
    const changes = await changesSoFar();
    await carryBlobs();
    await (await kind.stage(viewAfter([]), changes, never)).commit();
    await git.remove(key);
    await git.open(key);
    await kind.settle(viewAfter(changes), never);
    const { refs } = await owner.forge.show({ name: 'app' });
    expect((await git.state(key)).refs).toEqual(refs);
    await expect(git.fsck(key)).resolves.toEqual([]);
  });

  test('that is given up leaves nothing on the disk', async () => {
    const changes = await changesSoFar();
    await carryBlobs();
    await (await kind.stage(viewAfter([]), changes, never)).commit();
    await kind.purge({ resource: appId, epoch: 1 });
    await git.open(key);
    expect((await git.state(key)).refs).toEqual([]);
    await expect(git.countObjects(key)).resolves.toMatchObject({ objects: 0 });
  });

  test('follows deletions and forced pushes as they come', async () => {
    const before = await changesSoFar();
    await carryBlobs();
    await (await kind.stage(viewAfter([]), before, never)).commit();
    await ada.run('work', 'commit', '-q', '--amend', '-m', 'another past');
    await ada.run('work', 'push', '-q', '-f', url, 'main', 'main:refs/heads/side');
    await ada.run('work', 'push', '-q', url, ':side');
    await carryBlobs();
    const after = await changesSoFar();
    await (await kind.stage(viewAfter(before), after.slice(before.length), never)).commit();
    const { refs } = await owner.forge.show({ name: 'app' });
    expect((await git.state(key)).refs).toEqual(refs);
  });
});

test.skipIf(!needed.available)(
  'a repository’s place on the disk differs by owner, name and epoch, and is a plain name',
  async () => {
    const keys = new Set<string>();
    const git = await bench.git();
    const caches = createCaches(bench.cacheNeeds(git, createMemoryBlobs({ crypto })));
    const ids: FederatedId[] = [appId, toolsId];
    for (const id of ids) {
      for (const epoch of [1, 2, 11]) {
        const key = caches.key({ resource: id, epoch });
        expect(key).toMatch(/^[a-z0-9_-]{1,128}$/);
        keys.add(key);
      }
    }
    expect(keys.size).toBe(6);
  },
);
