import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMemoryBlobs, type MemoryBlobs } from '@hansa/blobs-memory';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  federatedId,
  HansaError,
  localId,
  silentLog,
  type FederatedId,
  type KeyValueStore,
} from '@hansa/foundation';
import { createGitCli } from '@hansa/git-cli';
import { createMemoryStore } from '@hansa/store-memory';
import { createSystemClock } from '@hansa/system-node';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { serveGit, type GitHttpServer } from '../../testkit/git-http-server.ts';
import { requires } from '../../testkit/needs.ts';
import { roads } from '../../testkit/roads.ts';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import { StockGit } from '../../testkit/stock-git.ts';
import { clusterOf, collect, createTestSigner } from '../../testkit/test-cluster.ts';
import type { ResourceEntry, ResourceLog, SequencedChange } from '../resources/contract.ts';
import { createResourceLog } from '../resources/log.ts';
import type { FederatedKind, Mirror, Mirrors, MirrorView } from '../sync/contract.ts';
import { createCaches, type Caches } from './caches.ts';
import { forgeContract, type Forge } from './contract.ts';
import { forgeSuite } from './forge.suite.ts';
import { internalRefPrefix, type Git } from './git.ts';
import { createGitKind } from './mirrored.ts';
import { createForge, type ForgeService } from './service.ts';
import { smartHttp } from './smart-http.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const clock = createSystemClock();
const signer = createTestSigner(crypto, 1, 'lubeck');
const bergen = clusterOf(crypto, 11);
const app = localId('git', 'app');
const resource = federatedId(signer.cluster, app);

/** What must be undone when a test is over, last first. */
let undo: (() => Promise<unknown>)[];

beforeEach(() => {
  undo = [];
});

afterEach(async () => {
  for (const step of undo.toReversed()) {
    await step();
  }
});

async function gitIn(): Promise<Git> {
  const folder = await mkdtemp(join(tmpdir(), 'hansa-forge-'));
  const git = await createGitCli({ folder, hiddenRefs: [internalRefPrefix] });
  undo.push(() => rm(folder, { recursive: true, force: true }));
  undo.push(() => git.close());
  return git;
}

/** One mirror, `bergen:tools`, whose entries a test may bring. */
function mirrorsOf(view?: MirrorView): Mirrors {
  const tools = federatedId(bergen, localId('git', 'tools'));
  const mirror: Mirror = {
    resource: tools,
    owner: bergen,
    ownerName: 'bergen',
    kind: 'git',
    name: 'tools',
    state: 'waiting',
    fetchedBlobs: 0,
    fetchedBytes: 0,
    addedMs: 0,
  };
  return {
    resolve(spelled) {
      if (!['bergen:tools', 'bergen:git/tools', tools].includes(spelled)) {
        throw new HansaError('MIRROR_NOT_FOUND', `there is no mirror of ${spelled} here`);
      }
      return tools;
    },
    find: (id) => (id === tools ? mirror : undefined),
    view: async (id) => (id === tools ? view : undefined),
    all: () => [mirror],
    registerKind: () => undefined,
  };
}

interface Cluster {
  readonly git: Git;
  readonly log: ResourceLog;
  readonly blobs: MemoryBlobs;
  readonly caches: Caches;
  readonly service: ForgeService;
  readonly forge: Forge;
  readonly server: GitHttpServer;
}

interface Kept {
  readonly store: KeyValueStore;
  readonly blobs: MemoryBlobs;
}

async function found(kept: Kept, mirrors = mirrorsOf()): Promise<Cluster> {
  const { store, blobs } = kept;
  const git = await gitIn();
  const random = createSeededRandom(1);
  const { log, start } = createResourceLog({ store, codec, crypto, clock, random, signer });
  await start(new AbortController().signal);
  const base = { git, blobs, codec, crypto, log: silentLog };
  const caches = createCaches(base);
  const apiUrl = (): string => 'http://127.0.0.1:1';
  const service = createForge({ ...base, signer, resources: log, mirrors, apiUrl }, caches);
  const server = await serveGit(smartHttp({ git, find: service.find }));
  undo.push(() => server.close());
  return { git, log, blobs, caches, service, forge: service.forge, server };
}

function fresh(): Kept {
  return { store: createMemoryStore({ clock }), blobs: createMemoryBlobs({ crypto }) };
}

async function person(): Promise<StockGit> {
  const made = await StockGit.create();
  undo.push(() => made.remove());
  return made;
}

const needed = requires('git');

describe.skipIf(!needed.available)('the forge', () => {
  roads<Forge>(forgeContract, async () => (await found(fresh())).forge).forEach(forgeSuite);
});

describe.skipIf(!needed.available)('a push by stock git', () => {
  let kept: Kept;
  let cluster: Cluster;
  let ada: StockGit;
  let url: string;

  beforeEach(async () => {
    kept = fresh();
    cluster = await found(kept);
    await cluster.forge.create({ name: 'app' });
    url = `${cluster.server.url}/app.git`;
    ada = await person();
    await ada.run('.', 'init', '-q', 'work');
  });

  const changes = (): Promise<SequencedChange[]> =>
    collect(cluster.log.changes(app, { epoch: 1, sequence: 0 }));

  test('becomes one change, with its refs and one pack, and can be cloned', async () => {
    const first = await ada.commit('work', 'a', 'one\n');
    await ada.run('work', 'push', '-q', url, 'main');
    const [only, ...more] = await changes();
    expect(more).toEqual([]);
    expect(only?.change.ops).toHaveLength(2);
    expect(only?.change.author).toBe('lubeck');
    const shown = await cluster.forge.show({ name: 'app' });
    expect(shown).toMatchObject({ packCount: 1, refCount: 1, head: 'refs/heads/main' });
    expect(shown.refs).toEqual([{ name: 'refs/heads/main', target: first }]);
    await ada.run('.', 'clone', '-q', url, 'copy');
    await expect(ada.run('copy', 'rev-parse', 'HEAD')).resolves.toBe(first);
  });

  test('of what is there already brings refs and no pack', async () => {
    await ada.commit('work', 'a', 'one\n');
    await ada.run('work', 'push', '-q', url, 'main');
    await ada.run('work', 'push', '-q', url, 'main:refs/heads/again', 'main:refs/tags/v1');
    const all = await changes();
    expect(all.map(({ change }) => change.ops.length)).toEqual([2, 1]);
    await ada.run('work', 'push', '-q', url, ':again');
    await expect(cluster.forge.show({ name: 'app' })).resolves.toMatchObject({ refCount: 2 });
  });

  test('makes HEAD name a branch that exists: the usual one, else the first', async () => {
    await ada.commit('work', 'a', 'one\n');
    await ada.run('work', 'push', '-q', url, 'main:refs/heads/zebra', 'main:refs/heads/apple');
    const head = async (): Promise<string> => (await cluster.forge.show({ name: 'app' })).head;
    await expect(head()).resolves.toBe('refs/heads/apple');
    await ada.run('work', 'push', '-q', url, 'main:refs/heads/master');
    await expect(head()).resolves.toBe('refs/heads/apple');
    await ada.run('work', 'push', '-q', url, ':apple');
    await expect(head()).resolves.toBe('refs/heads/master');
    const said = await ada.run('.', 'ls-remote', '--symref', url, 'HEAD');
    expect(said).toContain('ref: refs/heads/master\tHEAD');
  });

  test('of more than a hundred refs moves the table into a blob, and back', async () => {
    await ada.commit('work', 'a', 'one\n');
    const tags = Array.from({ length: 110 }, (_, at) => `main:refs/tags/t${at}`);
    await ada.run('work', 'push', '-q', url, 'main', ...tags);
    const entries = async (): Promise<number> =>
      (await collect(cluster.log.entries(app))).filter(
        ({ blobs, value }) => blobs.length > 0 && value.length > 0,
      ).length;
    await expect(entries()).resolves.toBe(1);
    await expect(cluster.forge.show({ name: 'app' })).resolves.toMatchObject({ refCount: 111 });
    await ada.run('work', 'push', '-q', url, ...tags.map((tag) => tag.slice('main'.length)));
    await expect(entries()).resolves.toBe(0);
    await expect(cluster.forge.show({ name: 'app' })).resolves.toMatchObject({ refCount: 1 });
  });

  test('racing another of the same branch: one wins, the other is told, and nothing is lost', async () => {
    const base = await ada.commit('work', 'base', 'x\n');
    await ada.run('work', 'push', '-q', url, 'main');
    const folders = ['one', 'two', 'three'];
    const tips = new Map<string, string>();
    for (const folder of folders) {
      await ada.run('.', 'clone', '-q', url, folder);
      tips.set(folder, await ada.commit(folder, folder, `${folder}\n`));
    }
    const said = await Promise.all(folders.map((each) => ada.try(each, 'push', '-q', url, 'main')));
    const winners = folders.filter((_, index) => said[index]?.code === 0);
    expect(winners).toHaveLength(1);
    const { refs } = await cluster.forge.show({ name: 'app' });
    expect(refs[0]?.target).toBe(tips.get(winners[0] ?? ''));
    expect(refs[0]?.target).not.toBe(base);
    expect(cluster.server.errors).toEqual([]);
  });

  test('racing another of another branch: whoever is refused pushes again, and both are there', async () => {
    await ada.commit('work', 'base', 'x\n');
    await ada.run('work', 'push', '-q', url, 'main');
    const folders = ['one', 'two', 'three', 'four'];
    for (const folder of folders) {
      await ada.run('.', 'clone', '-q', url, folder);
      await ada.commit(folder, folder, `${folder}\n`);
    }
    const push = async (folder: string): Promise<void> => {
      for (let tries = 0; tries < folders.length; tries += 1) {
        const { code } = await ada.try(folder, 'push', '-q', url, `main:refs/heads/${folder}`);
        if (code === 0) {
          return;
        }
      }
      throw new Error(`${folder} was refused for ever`);
    };
    await Promise.all(folders.map(push));
    const { refs } = await cluster.forge.show({ name: 'app' });
    expect(refs.map(({ name }) => name)).toEqual(
      ['main', ...folders].map((name) => `refs/heads/${name}`).toSorted(),
    );
  });

  test('decided by the store while another node appended is refused, and git moves nothing', async () => {
    const first = await ada.commit('work', 'a', 'one\n');
    await ada.run('work', 'push', '-q', url, 'main');
    const rival = await found(kept);
    await ada.commit('work', 'a', 'two\n');
    const { append } = cluster.log;
    const hooked: ResourceLog = {
      ...cluster.log,
      find: (id) => cluster.log.find(id),
      all: () => cluster.log.all(),
      generation: 0,
      append: async (id, ops, options) => {
        await rival.log.append(app, [], { author: 'rival' });
        return append(id, ops, options);
      },
    };
    const base = { git: cluster.git, blobs: kept.blobs, codec, crypto, log: silentLog };
    const apiUrl = (): string => '';
    const parts = { ...base, signer, resources: hooked, mirrors: mirrorsOf(), apiUrl };
    const { find } = createForge(parts, cluster.caches);
    const server = await serveGit(smartHttp({ git: cluster.git, find }));
    undo.push(() => server.close());
    const said = await ada.try('work', 'push', `${server.url}/app.git`, 'main');
    expect(said.code).not.toBe(0);
    expect(said.err).toContain('push again');
    const { refs } = await cluster.forge.show({ name: 'app' });
    expect(refs[0]?.target).toBe(first);
    await ada.run('work', 'push', '-q', url, 'main');
  });

  test('by one node is read at another, whose cache follows the store', async () => {
    const other = await found(kept);
    const first = await ada.commit('work', 'a', 'one\n');
    await ada.run('work', 'push', '-q', url, 'main');
    await other.service.settle(new AbortController().signal);
    const elsewhere = `${other.server.url}/app.git`;
    const said = await ada.run('.', 'ls-remote', elsewhere, 'refs/heads/main');
    expect(said).toContain(first);
  });

  test('is not lost with the cache: it is rebuilt from the packs alone', async () => {
    for (const text of ['one\n', 'two\n', 'three\n']) {
      await ada.commit('work', 'a', text);
      await ada.run('work', 'push', '-q', url, 'main');
    }
    await ada.run('work', 'checkout', '-q', '--orphan', 'other');
    await ada.commit('work', 'b', 'unrelated\n');
    await ada.run('work', 'push', '-q', url, 'other');
    const reborn = await found(kept);
    await ada.run('.', 'clone', '-q', '--mirror', `${reborn.server.url}/app.git`, 'again.git');
    await ada.run('again.git', 'fsck', '--strict', '--full');
    const refs = await ada.run('again.git', 'for-each-ref', '--format=%(refname) %(objectname)');
    const { refs: shown } = await reborn.forge.show({ name: 'app' });
    expect(refs.split('\n')).toEqual(shown.map(({ name, target }) => `${name} ${target}`));
    expect(shown).toHaveLength(2);
  });

  test('to a repository that was deleted finds none; made again, it is empty', async () => {
    await ada.commit('work', 'a', 'one\n');
    await ada.run('work', 'push', '-q', url, 'main');
    await cluster.forge.delete({ name: 'app' });
    const gone = await ada.try('work', 'push', url, 'main');
    expect(gone.code).not.toBe(0);
    expect(gone.err).toMatch(/not found|there is no repository/);
    await cluster.forge.create({ name: 'app' });
    await expect(ada.run('.', 'ls-remote', url)).resolves.toBe('');
    await ada.run('work', 'push', '-q', url, 'main');
    await expect(cluster.forge.show({ name: 'app' })).resolves.toMatchObject({
      epoch: 2,
      refCount: 1,
      packCount: 1,
    });
  });

  test('to another’s repository is refused with the words that say whose it is', async () => {
    const { log, service, git } = cluster;
    const view: MirrorView = {
      resource: federatedId(bergen, localId('git', 'tools')),
      epoch: 1,
      entry: async () => undefined,
      async *entries() {
        yield* [];
      },
    };
    const base = { git, blobs: kept.blobs, codec, crypto, log: silentLog };
    const apiUrl = (): string => '';
    const mirrors = mirrorsOf(view);
    const { find } = createForge(
      { ...base, signer, resources: log, mirrors, apiUrl },
      cluster.caches,
    );
    const server = await serveGit(smartHttp({ git, find }));
    undo.push(() => server.close());
    await ada.commit('work', 'a', 'one\n');
    const said = await ada.try('work', 'push', `${server.url}/@bergen/tools.git`, 'main');
    expect(said.code).not.toBe(0);
    expect(said.err).toContain('read-only mirror of bergen:tools; push to bergen');
    await expect(service.find('@bergen/tools', 'git-upload-pack', {})).resolves.toBeUndefined();
    await expect(service.find('@nobody/x', 'git-upload-pack', {})).resolves.toBeUndefined();
  });
});

describe.skipIf(!needed.available)('a mirror of a repository', () => {
  let kept: Kept;
  let owner: Cluster;
  let ada: StockGit;
  let url: string;
  let git: Git;
  let blobs: MemoryBlobs;
  let kind: FederatedKind;
  let key: string;

  beforeEach(async () => {
    kept = fresh();
    owner = await found(kept);
    await owner.forge.create({ name: 'app' });
    url = `${owner.server.url}/app.git`;
    ada = await person();
    await ada.run('.', 'init', '-q', 'work');
    await ada.commit('work', 'a', 'one\n');
    await ada.run('work', 'push', '-q', url, 'main');
    git = await gitIn();
    blobs = createMemoryBlobs({ crypto });
    const needs = { git, blobs, codec, crypto, log: silentLog };
    const caches = createCaches(needs);
    kind = createGitKind(needs, caches);
    key = caches.key({ resource, epoch: 1 });
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
      resource,
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
    await kind.purge({ resource, epoch: 1 });
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

test('a repository’s place on the disk differs by owner, name and epoch, and is a plain name', () => {
  const keys = new Set<string>();
  const caches = createCaches({
    git: undefined as unknown as Git,
    blobs: createMemoryBlobs({ crypto }),
    codec,
    crypto,
    log: silentLog,
  });
  const ids: FederatedId[] = [resource, federatedId(bergen, app)];
  for (const id of ids) {
    for (const epoch of [1, 2, 11]) {
      const key = caches.key({ resource: id, epoch });
      expect(key).toMatch(/^[a-z0-9_-]{1,128}$/);
      keys.add(key);
    }
  }
  expect(keys.size).toBe(6);
});
