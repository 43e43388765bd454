import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
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

describe('refs', () => {
  let first: ObjectId;
  let second: ObjectId;

  beforeEach(async () => {
    first = await ada.commit('work', 'a', 'one\n');
    second = await ada.commit('work', 'a', 'two\n');
    await git.open('app');
    await adopt('app', [await packFrom([second])]);
  });

  test('become exactly the given table, with HEAD and the shallow list', async () => {
    await git.setState('app', stateAt(first));
    const wanted = {
      refs: [
        { name: 'refs/heads/main/new', target: second },
        { name: 'refs/heads/z', target: first },
        { name: 'refs/tags/größe', target: first },
      ],
      head: 'refs/heads/z',
      shallow: [first],
    };
    await git.setState('app', wanted);
    expect(await git.state('app')).toEqual(wanted);
    await git.setState('app', { refs: [], head: 'refs/heads/main', shallow: [] });
    expect(await git.state('app')).toEqual({ refs: [], head: 'refs/heads/main', shallow: [] });
  });

  test('do not move at all where one of them cannot', async () => {
    await git.setState('app', stateAt(first));
    const nowhere = 'ab'.repeat(20);
    const refs = [
      { name: 'refs/heads/main', target: second },
      { name: 'refs/heads/other', target: nowhere },
    ];
    await expect(git.setState('app', { ...stateAt(second), refs })).rejects.toMatchObject({
      code: 'GIT_CLOSURE_INCOMPLETE',
    });
    expect(await git.state('app')).toEqual(stateAt(first));
  });

  test.each(['refs/heads/../../config', 'refs/heads/a\nupdate refs/heads/b', 'HEAD', '--help'])(
    'named %j by a hostile source are refused',
    async (name) => {
      const state = { ...stateAt(first), refs: [{ name, target: first }] };
      await expect(git.setState('app', state)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
      expect((await git.state('app')).refs).toEqual([]);
    },
  );

  test.each([
    { refs: [{ name: 'refs/heads/a', target: 'HEAD' }] },
    { head: 'refs/tags/v1' },
    { head: 'refs/heads/a\nb' },
    { shallow: ['HEAD'] },
  ])('from a hostile source are refused: %j', async (change) => {
    const state = { refs: [], head: 'refs/heads/main', shallow: [], ...change };
    await expect(git.setState('app', state)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  });

  test('a pushed replacement does not change what packs contain', async () => {
    const replacement = { name: `refs/replace/${second}`, target: first };
    await git.setState('app', { ...stateAt(second), refs: [...stateAt(second).refs, replacement] });
    const pack = await whole(await git.packOf('app', { want: [second], have: [] }));
    await git.open('copy');
    await adopt('copy', [pack]);
    await git.setState('copy', stateAt(second));
    expect(await git.countObjects('copy')).toMatchObject({ objects: 6 });
  });
});

describe('repositories', () => {
  test.each(['', '.', '..', 'a/b', '../a', 'a.git', '-x', 'A', 'a\u0000', 'a'.repeat(129)])(
    'the key %j is refused',
    async (key) => {
      await expect(git.open(key)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
      await expect(git.remove(key)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    },
  );

  test('must be opened before they are used, and are gone after they are removed', async () => {
    await expect(git.state('app')).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
    await Promise.all([git.open('app'), git.open('app')]);
    expect(await git.state('app')).toEqual({ refs: [], head: 'refs/heads/main', shallow: [] });
    await git.remove('app');
    await git.remove('app');
    await expect(git.state('app')).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
    expect(await readdir(join(folder, 'repositories'))).toEqual([]);
  });

  test('what a crash left behind is cleared by the next process, and the rest is kept', async () => {
    const tip = await ada.commit('work', 'a', 'one\n');
    await git.open('app');
    await adopt('app', [await packFrom([tip])]);
    await git.setState('app', stateAt(tip));
    await git.stage('app', { packs: [pieces(await packFrom([tip]))], shallow: [] });
    const place = join(folder, 'repositories', 'app.git');
    await mkdir(join(place, 'objects', 'tmp_objdir-incoming-x', 'pack'), { recursive: true });
    await writeFile(join(place, 'objects', 'pack', 'tmp_pack_x'), 'half');
    await writeFile(join(place, 'refs', 'heads', 'main.lock'), '');
    await writeFile(join(place, 'shallow.lock'), '');
    await git.close();
    git = await createGitCli({ folder });
    await git.open('app');
    expect(await leftovers('app')).toEqual([]);
    expect((await readdir(join(place, 'objects'))).sort()).toEqual(['info', 'pack']);
    await git.setState('app', { ...stateAt(tip), head: 'refs/heads/other', refs: [] });
    expect((await git.state('app')).refs).toEqual([]);
  });

  test.each(['HEAD', 'config'])(
    'that a power cut left with an empty %s is made anew, and takes what it is given',
    async (file) => {
      const tip = await ada.commit('work', 'a', 'one\n');
      await git.open('app');
      await git.close();
      // The name of a file is on the disk before its content is.
      await writeFile(join(folder, 'repositories', 'app.git', file), '');
      git = await createGitCli({ folder });
      await git.open('app');
      expect(await git.state('app')).toMatchObject({ refs: [] });
      await adopt('app', [await packFrom([tip])]);
      await git.setState('app', stateAt(tip));
      expect(await git.state('app')).toEqual(stateAt(tip));
    },
  );

  test('SHA-256 is a format of its own and not mixed with SHA-1', async () => {
    await git.open('wide', { format: 'sha256' });
    await expect(git.open('wide', { format: 'sha1' })).rejects.toMatchObject({ code: 'CONFLICT' });
    await ada.run('.', 'init', '-q', '--object-format=sha256', 'wide');
    const tip = await ada.commit('wide', 'a', 'one\n');
    expect(tip).toHaveLength(64);
    await git.open('narrow');
    const made = await ada.run(
      'wide',
      '-c',
      'alias.make=!git pack-objects -q --all --stdout </dev/null | od -An -v -tx1',
      'make',
    );
    const pack = Buffer.from(fromHex(made.replace(/\s+/g, '')));
    await adopt('wide', [pack]);
    await git.setState('wide', stateAt(tip));
    expect(await git.fsck('wide')).toEqual([]);
    await expect(adopt('narrow', [pack])).rejects.toMatchObject({ code: 'GIT_OBJECTS_INVALID' });
  });
});

describe('the git program', () => {
  test('tells its version, and GIT_MISSING where it is absent or too old', async () => {
    expect(await git.version()).toMatch(/^\d+\.\d+/);
    const absent = await createGitCli({ folder, program: 'no-such-git' });
    await expect(absent.version()).rejects.toMatchObject({ code: 'GIT_MISSING' });
    await ada.write('.', 'old-git', '#!/bin/sh\necho git version 2.20.1\n');
    await chmod(ada.path('old-git'), 0o755);
    const old = await createGitCli({ folder, program: ada.path('old-git') });
    await expect(old.version()).rejects.toMatchObject({ code: 'GIT_MISSING' });
  });

  test('is not asked for a push that the hook could not see', async () => {
    await git.open('app');
    await chmod(join(folder, 'hooks', 'pre-receive'), 0o600);
    await rm(join(folder, 'hooks', 'pre-receive'));
    const decide = async (): Promise<{ accept: true }> => ({ accept: true });
    const push = git.receivePack('app', pieces(Buffer.from('0000')), { decide });
    await expect(whole(push)).rejects.toMatchObject({ code: 'GIT_FAILED' });
  });

  test('does not survive the driver, and nothing starts after it', async () => {
    await git.open('app');
    async function* silent(): AsyncIterable<Uint8Array> {
      yield Buffer.from('00');
      await new Promise(() => undefined);
    }
    const talk = whole(git.uploadPack('app', silent(), {}));
    const ended = talk.then(
      () => undefined,
      (error: unknown) => error,
    );
    await new Promise(setImmediate);
    await git.close();
    expect(await ended).toMatchObject({ code: 'GIT_FAILED' });
    await expect(git.state('app')).rejects.toMatchObject({ code: 'SHUTTING_DOWN' });
  });
});

async function leftovers(key: string): Promise<string[]> {
  const place = join(folder, 'repositories', `${key}.git`);
  const all = await readdir(place, { recursive: true });
  return all.filter((name) => /staging\/|tmp_|\.lock$/.test(name));
}
