import { localId } from '@hansa/foundation';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  createForgeBench,
  mirrorsOf,
  toolsId,
  type ForgeDisk,
  type ForgeNode,
} from '../../testkit/forge-bench.ts';
import { requires } from '../../testkit/needs.ts';
import { roads } from '../../testkit/roads.ts';
import type { StockGit } from '../../testkit/stock-git.ts';
import { collect } from '../../testkit/test-cluster.ts';
import type { ResourceLog, SequencedChange } from '../resources/contract.ts';
import type { MirrorView } from '../sync/contract.ts';
import { forgeContract, type Forge } from './contract.ts';
import { forgeSuite } from './forge.suite.ts';

const app = localId('git', 'app');
const bench = createForgeBench();

afterEach(() => bench.end());

const needed = requires('git');

describe.skipIf(!needed.available)('the forge', () => {
  roads<Forge>(forgeContract, async () => (await bench.node(bench.disk())).forge).forEach(
    forgeSuite,
  );
});

describe.skipIf(!needed.available)('a push by stock git', () => {
  let kept: ForgeDisk;
  let cluster: ForgeNode;
  let ada: StockGit;
  let url: string;

  beforeEach(async () => {
    kept = bench.disk();
    cluster = await bench.node(kept);
    await cluster.forge.create({ name: 'app' });
    url = `${cluster.server.url}/app.git`;
    ada = await bench.person();
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
    const rival = await bench.node(kept);
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
    const server = await bench.serve(cluster, { log: hooked });
    const said = await ada.try('work', 'push', `${server.url}/app.git`, 'main');
    expect(said.code).not.toBe(0);
    expect(said.err).toContain('push again');
    const { refs } = await cluster.forge.show({ name: 'app' });
    expect(refs[0]?.target).toBe(first);
    await ada.run('work', 'push', '-q', url, 'main');
  });

  test('by one node is read at another, whose cache follows the store', async () => {
    const other = await bench.node(kept);
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
    const reborn = await bench.node(kept);
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
    const { service } = cluster;
    const view: MirrorView = {
      resource: toolsId,
      epoch: 1,
      entry: async () => undefined,
      async *entries() {
        yield* [];
      },
    };
    const server = await bench.serve(cluster, { mirrors: mirrorsOf(view) });
    await ada.commit('work', 'a', 'one\n');
    const said = await ada.try('work', 'push', `${server.url}/@bergen/tools.git`, 'main');
    expect(said.code).not.toBe(0);
    expect(said.err).toContain('read-only mirror of bergen:tools; push to bergen');
    await expect(service.find('@bergen/tools', 'git-upload-pack', {})).resolves.toBeUndefined();
    await expect(service.find('@nobody/x', 'git-upload-pack', {})).resolves.toBeUndefined();
  });
});
