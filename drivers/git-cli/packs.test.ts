import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Git, ObjectId } from '@hansa/capabilities/forge/git';
import { fromHex } from '@hansa/foundation';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { StockGit } from '../../testkit/stock-git.ts';
import { createGitCli } from './index.ts';

let folder: string;
let git: Git;
let ada: StockGit;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hansa-git-'));
  git = await createGitCli({ folder });
  ada = await StockGit.create();
  await ada.run('.', 'init', '-q', 'work');
});

afterEach(async () => {
  await git.close();
  await ada.remove();
  await rm(folder, { recursive: true, force: true });
});

async function* pieces(...parts: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  yield* parts;
}

async function whole(source: AsyncIterable<Uint8Array> | undefined): Promise<Buffer> {
  const read: Uint8Array[] = [];
  for await (const piece of source ?? []) {
    read.push(piece);
  }
  return Buffer.concat(read);
}

/** The pack of `want` without `have`, made by stock git outside the driver. */
async function packFrom(want: readonly string[], have: readonly string[] = []): Promise<Buffer> {
  const revisions = [...want, '--not', ...have, ''].join('\n');
  await ada.write('.', 'revisions', revisions);
  const file = ada.path('revisions');
  const line = `pack-objects -q --revs --thin --stdout < '${file}' | od -An -v -tx1`;
  const hex = await ada.run('work', '-c', `alias.make=!git ${line}`, 'make');
  return Buffer.from(fromHex(hex.replace(/\s+/g, '')));
}

async function adopt(key: string, packs: readonly Uint8Array[]): Promise<void> {
  const staged = await git.stage(key, { packs: packs.map((pack) => pieces(pack)), shallow: [] });
  await staged.adopt();
}

function stateAt(target: ObjectId): Parameters<Git['setState']>[1] {
  return { refs: [{ name: 'refs/heads/main', target }], head: 'refs/heads/main', shallow: [] };
}

describe('packs from elsewhere', () => {
  let first: ObjectId;
  let second: ObjectId;
  let base: Buffer;
  let thin: Buffer;

  beforeEach(async () => {
    await git.open('app');
    const lines = Array.from({ length: 400 }, (_, at) => `line ${at}\n`);
    first = await ada.commit('work', 'a', lines.join(''));
    lines[200] = 'changed\n';
    second = await ada.commit('work', 'a', lines.join(''));
    base = await packFrom([first]);
    thin = await packFrom([second], [first]);
  });

  test('are not part of the repository before they are adopted', async () => {
    const staged = await git.stage('app', { packs: [pieces(base), pieces(thin)], shallow: [] });
    expect(staged.objects).toBe(6);
    expect(await staged.missing([second])).toEqual([]);
    expect(await git.countObjects('app')).toMatchObject({ objects: 0, packs: 0 });
    await expect(git.setState('app', stateAt(second))).rejects.toMatchObject({
      code: 'GIT_CLOSURE_INCOMPLETE',
      facts: { missing: second, count: 1 },
    });
    expect((await git.state('app')).refs).toEqual([]);
    await staged.adopt();
    await git.setState('app', stateAt(second));
    expect(await git.fsck('app')).toEqual([]);
    expect(await git.isAncestor('app', first, second)).toBe(true);
    expect(await git.isAncestor('app', second, first)).toBe(false);
  });

  test('leave nothing when they are discarded, and adopting twice changes nothing', async () => {
    const dropped = await git.stage('app', { packs: [pieces(base)], shallow: [] });
    await dropped.discard();
    await dropped.adopt();
    expect(await git.countObjects('app')).toMatchObject({ packs: 0 });
    await adopt('app', [base]);
    const before = await git.countObjects('app');
    const again = await git.stage('app', { packs: [pieces(base)], shallow: [] });
    await again.adopt();
    await again.adopt();
    expect(await git.countObjects('app')).toEqual(before);
    expect(await leftovers('app')).toEqual([]);
  });

  test('are refused with git’s words when bytes are missing or wrong', async () => {
    const flipped = Buffer.from(base);
    flipped[40] = (flipped[40] ?? 0) ^ 0x10;
    for (const bad of [
      base.subarray(0, 100),
      flipped,
      base.subarray(0, 0),
      Buffer.from('no pack at all'),
    ]) {
      const stage = git.stage('app', { packs: [pieces(bad)], shallow: [] });
      await expect(stage).rejects.toMatchObject({
        code: 'GIT_OBJECTS_INVALID',
        message: expect.stringMatching(/^git refuses a pack: fatal: /) as string,
      });
    }
    expect(await leftovers('app')).toEqual([]);
  });

  test('are refused when they lean on objects that are not here', async () => {
    await expect(git.stage('app', { packs: [pieces(thin)], shallow: [] })).rejects.toMatchObject({
      code: 'GIT_OBJECTS_INVALID',
      facts: { pack: 0 },
    });
    const alone = await ada.run(
      'work',
      '-c',
      `alias.make=!git rev-parse HEAD | git pack-objects -q --stdout | od -An -v -tx1`,
      'make',
    );
    const commitOnly = Buffer.from(fromHex(alone.replace(/\s+/g, '')));
    await expect(
      git.stage('app', { packs: [pieces(commitOnly)], shallow: [] }),
    ).rejects.toMatchObject({ code: 'GIT_CLOSURE_INCOMPLETE', facts: { count: 1 } });
  });

  test('say which objects a tip still misses', async () => {
    const staged = await git.stage('app', { packs: [pieces(base)], shallow: [] });
    expect(await staged.missing([first])).toEqual([]);
    expect(await staged.missing([first, second])).toEqual([second]);
    const nowhere = 'ab'.repeat(20);
    expect(await staged.missing([nowhere, second])).toEqual(
      nowhere < second ? [nowhere, second] : [second, nowhere],
    );
    await staged.discard();
  });

  test('a gap behind objects that the cache holds is found and named', async () => {
    await adopt('app', [base]);
    const tree = await ada.run('work', 'rev-parse', `${first}^{tree}`);
    await rm(join(folder, 'repositories/app.git/objects/pack'), { recursive: true });
    await mkdir(join(folder, 'repositories/app.git/objects/pack'));
    const commit = await ada.run('work', 'cat-file', '-p', first);
    await ada.write('.', 'commit', `${commit}\n`);
    const loose = await ada.run('work', 'hash-object', '-t', 'commit', ada.path('commit'));
    expect(loose).toBe(first);
    await copyLoose(first);
    const staged = await git.stage('app', { packs: [], shallow: [] });
    expect(await staged.missing([first])).toEqual([tree]);
  });

  test('a source that breaks off is passed on as its own error, and an abort ends git', async () => {
    async function* broken(): AsyncIterable<Uint8Array> {
      yield base.subarray(0, 50);
      throw new RangeError('the link is down');
    }
    await expect(git.stage('app', { packs: [broken()], shallow: [] })).rejects.toMatchObject({
      code: 'GIT_FAILED',
      cause: { message: 'the link is down' },
    });
    const abort = new AbortController();
    async function* endless(): AsyncIterable<Uint8Array> {
      yield base.subarray(0, 50);
      abort.abort();
      await new Promise(() => undefined);
    }
    const { signal } = abort;
    await expect(
      git.stage('app', { packs: [endless()], shallow: [], signal }),
    ).rejects.toMatchObject({ code: 'CANCELLED' });
    expect(await leftovers('app')).toEqual([]);
  });

  async function copyLoose(id: ObjectId): Promise<void> {
    const to = join(folder, 'repositories/app.git/objects', id.slice(0, 2));
    await ada.run(
      'work',
      '-c',
      `alias.copy=!mkdir -p '${to}' && cp`,
      'copy',
      `.git/objects/${id.slice(0, 2)}/${id.slice(2)}`,
      to,
    );
  }
});

describe('packs for elsewhere', () => {
  test('carry what is wanted and not had, and nothing is undefined', async () => {
    const first = await ada.commit('work', 'a', 'one\n');
    const second = await ada.commit('work', 'a', 'two\n');
    await git.open('app');
    await adopt('app', [await packFrom([second])]);
    await git.open('copy');
    await adopt('copy', [await whole(await git.packOf('app', { want: [first], have: [] }))]);
    const unknown = 'ab'.repeat(20);
    const more = await git.packOf('app', { want: [second], have: [first, unknown] });
    await adopt('copy', [await whole(more)]);
    await git.setState('copy', stateAt(second));
    expect(await git.fsck('copy')).toEqual([]);
    expect(await git.packOf('app', { want: [second], have: [second] })).toBeUndefined();
    expect(await git.packOf('app', { want: [first], have: [second] })).toBeUndefined();
    await expect(git.packOf('app', { want: [unknown], have: [] })).rejects.toMatchObject({
      code: 'GIT_FAILED',
    });
    await expect(git.packOf('app', { want: ['--all'], have: [] })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
    });
  });

  test('many small packs become few and lose nothing, not even what no ref names yet', async () => {
    await git.open('app');
    let tip: ObjectId | undefined;
    for (let at = 0; at < 12; at += 1) {
      const next = await ada.commit('work', `file-${at}`, `${at}\n`);
      await adopt('app', [await packFrom([next], tip === undefined ? [] : [tip])]);
      tip = next;
    }
    expect((await git.countObjects('app')).packs).toBe(12);
    await git.setState('app', stateAt(tip ?? ''));
    await git.writeBitmap('app');
    const place = join(folder, 'repositories', 'app.git', 'objects', 'pack');
    expect((await readdir(place)).some((name) => name.endsWith('.bitmap'))).toBe(true);
    expect(await git.fsck('app')).toEqual([]);
    await git.repack('app');
    const after = await git.countObjects('app');
    expect(after.packs).toBeLessThan(3);
    expect(after.objects).toBe(12 * 3);
    await git.setState('app', stateAt(tip ?? ''));
    expect(await git.fsck('app')).toEqual([]);
  });
});

async function leftovers(key: string): Promise<string[]> {
  const place = join(folder, 'repositories', `${key}.git`);
  const all = await readdir(place, { recursive: true });
  return all.filter((name) => /staging\/|tmp_|\.lock$/.test(name));
}
