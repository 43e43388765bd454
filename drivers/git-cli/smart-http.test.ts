import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  internalRefPrefix,
  type Git,
  type Push,
  type PushDecision,
} from '@hansa/capabilities/forge/git';
import { smartHttp, type FoundRepository } from '@hansa/capabilities/forge/smart-http';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { serveGit, type GitHttpServer } from '../../testkit/git-http-server.ts';
import { StockGit } from '../../testkit/stock-git.ts';
import { createGitCli } from './index.ts';

interface SeenPush extends Pick<Push, 'changes' | 'before' | 'after'> {
  readonly pack: Uint8Array | undefined;
}

let folder: string;
let git: Git;
let server: GitHttpServer;
let ada: StockGit;
let url: string;
let seen: SeenPush[];
let decide: (push: Push) => Promise<PushDecision>;
let refusal: string | undefined;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'hansa-git-'));
  git = await createGitCli({ folder, hiddenRefs: [internalRefPrefix] });
  seen = [];
  decide = async () => ({ accept: true });
  refusal = undefined;
  server = await serveGit(smartHttp({ git, find }));
  url = `${server.url}/team/app.git`;
  ada = await StockGit.create();
  await ada.run('.', 'init', '-q', 'work');
  await ada.run('work', 'remote', 'add', 'origin', url);
});

afterEach(async () => {
  await server.close();
  await git.close();
  await ada.remove();
  await rm(folder, { recursive: true, force: true });
});

async function find(path: string): Promise<FoundRepository | undefined> {
  if (path !== 'team/app') {
    return undefined;
  }
  await git.open('app');
  const writable = refusal === undefined ? { decide: remember } : { refusal };
  return { key: 'app', writable };
}

async function remember(push: Push): Promise<PushDecision> {
  const decision = await decide(push);
  const pack = await whole(await push.pack());
  const { changes, before, after } = push;
  seen.push({ changes, before, after, pack });
  return decision;
}

async function whole(
  pieces: AsyncIterable<Uint8Array> | undefined,
): Promise<Uint8Array | undefined> {
  if (pieces === undefined) {
    return undefined;
  }
  const read: Uint8Array[] = [];
  for await (const piece of pieces) {
    read.push(piece);
  }
  return Buffer.concat(read);
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

/** A second repository made only of what the pushes handed out, as another node would make it. */
async function rebuild(): Promise<void> {
  await git.open('rebuilt');
  const last = seen.at(-1)?.after;
  if (last === undefined) {
    return;
  }
  const packs = seen.flatMap(({ pack }) => (pack === undefined ? [] : [once(pack)]));
  const staged = await git.stage('rebuilt', { packs, shallow: last.shallow });
  expect(await staged.missing(last.refs.map((ref) => ref.target))).toEqual([]);
  await staged.adopt();
  await git.setState('rebuilt', last);
  expect(await git.fsck('rebuilt')).toEqual([]);
  expect(await git.state('rebuilt')).toEqual(await git.state('app'));
}

describe('clone and push with stock git', () => {
  test('an empty repository can be cloned, and the first push makes its branches', async () => {
    await ada.run('.', 'clone', '-q', url, 'early');
    const tip = await ada.commit('early', 'README', 'hello\n');
    await ada.run('early', 'push', '-q', 'origin', 'HEAD:main');
    expect(seen).toHaveLength(1);
    expect(seen[0]?.changes).toEqual([{ ref: 'refs/heads/main', old: null, new: tip }]);
    expect(seen[0]?.before).toEqual({ refs: [], head: 'refs/heads/main', shallow: [] });
    expect(await git.state('app')).toEqual(seen[0]?.after);
    await ada.run('.', 'clone', '-q', url, 'later');
    expect(await ada.run('later', 'rev-parse', 'HEAD')).toBe(tip);
    await rebuild();
  });

  test('each push hands out only what is new, and the packs in order make the repository', async () => {
    await ada.write('work', 'noise', incompressible(200_000));
    await ada.commit('work', 'a', 'one\n');
    await ada.run('work', 'push', '-q', 'origin', 'main');
    for (const text of ['two\n', 'three\n']) {
      await ada.commit('work', 'a', text);
      await ada.run('work', 'push', '-q', 'origin', 'main');
    }
    const sizes = seen.map(({ pack }) => pack?.length ?? 0);
    expect(sizes[0]).toBeGreaterThan(200_000);
    expect(Math.max(...sizes.slice(1))).toBeLessThan(1_000);
    await rebuild();
  });

  test('a forced push is one change from the old commit to the new one', async () => {
    const first = await ada.commit('work', 'a', 'one\n');
    const second = await ada.commit('work', 'a', 'two\n');
    await ada.run('work', 'push', '-q', 'origin', 'main');
    await ada.run('work', 'reset', '-q', '--hard', first);
    const other = await ada.commit('work', 'a', 'other\n');
    expect((await ada.try('work', 'push', '-q', 'origin', 'main')).code).not.toBe(0);
    const ancestry: boolean[] = [];
    decide = async (push) => {
      ancestry.push(await push.isAncestor(second, other), await push.isAncestor(first, other));
      return { accept: true };
    };
    await ada.run('work', 'push', '-q', '--force', 'origin', 'main');
    expect(seen.at(-1)?.changes).toEqual([{ ref: 'refs/heads/main', old: second, new: other }]);
    expect(ancestry).toEqual([false, true]);
    await rebuild();
  });

  test('branches and tags are made and deleted, and a push that only deletes has no pack', async () => {
    const tip = await ada.commit('work', 'a', 'one\n');
    await ada.run('work', 'tag', '-a', 'v1', '-m', 'first');
    await ada.run('work', 'tag', 'light');
    await ada.run('work', 'push', '-q', 'origin', 'main', 'main:side', 'v1', 'light');
    const tag = await ada.run('work', 'rev-parse', 'v1');
    expect(tag).not.toBe(tip);
    expect((await git.state('app')).refs).toEqual([
      { name: 'refs/heads/main', target: tip },
      { name: 'refs/heads/side', target: tip },
      { name: 'refs/tags/light', target: tip },
      { name: 'refs/tags/v1', target: tag },
    ]);
    await ada.run('work', 'push', '-q', 'origin', ':side', ':v1');
    expect(seen.at(-1)).toMatchObject({
      changes: [
        { ref: 'refs/heads/side', old: tip, new: null },
        { ref: 'refs/tags/v1', old: tag, new: null },
      ],
      pack: undefined,
    });
    await ada.run('work', 'push', '-q', 'origin', ':main');
    expect((await git.state('app')).refs).toEqual([{ name: 'refs/tags/light', target: tip }]);
    await rebuild();
  });

  test('a new branch at an old commit has no pack', async () => {
    await ada.commit('work', 'a', 'one\n');
    await ada.run('work', 'push', '-q', 'origin', 'main');
    await ada.run('work', 'push', '-q', 'origin', 'main:copy');
    expect(seen.map(({ pack }) => pack === undefined)).toEqual([false, true]);
    await rebuild();
  });

  test('a push from a shallow clone keeps its cut, and the shallow state can be rebuilt and cloned', async () => {
    for (const text of ['one\n', 'two\n', 'three\n']) {
      await ada.commit('work', 'a', text);
    }
    const cut = await ada.run('work', 'rev-parse', 'HEAD');
    await ada.run('.', 'clone', '-q', '--depth', '1', `file://${ada.path('work')}`, 'thin');
    const tip = await ada.commit('thin', 'a', 'four\n');
    await ada.run('thin', 'push', '-q', url, 'main');
    expect(seen[0]?.after.shallow).toEqual([cut]);
    expect(await git.state('app')).toEqual(seen[0]?.after);
    const next = await ada.commit('thin', 'a', 'five\n');
    await ada.run('thin', 'push', '-q', url, 'main');
    expect(seen[1]?.changes).toEqual([{ ref: 'refs/heads/main', old: tip, new: next }]);
    expect(seen[1]?.after.shallow).toEqual([cut]);
    await rebuild();
    await ada.run('.', 'clone', '-q', url, 'again');
    expect(await ada.run('again', 'rev-list', '--count', 'HEAD')).toBe('3');
  });

  test('the decision may turn HEAD to another branch', async () => {
    decide = async (push) => ({ accept: true, head: push.changes[0]?.ref ?? '' });
    const tip = await ada.commit('work', 'a', 'one\n');
    await ada.run('work', 'push', '-q', 'origin', 'main:trunk');
    expect((await git.state('app')).head).toBe('refs/heads/trunk');
    await ada.run('.', 'clone', '-q', url, 'copy');
    expect(await ada.run('copy', 'symbolic-ref', 'HEAD')).toBe('refs/heads/trunk');
    expect(await ada.run('copy', 'rev-parse', 'HEAD')).toBe(tip);
  });

  test('ls-remote, a depth, a large gzipped fetch and both protocol versions work', async () => {
    for (let at = 0; at < 3; at += 1) {
      await ada.commit('work', 'a', `${at}\n`);
    }
    await ada.run('work', 'push', '-q', 'origin', 'main');
    const tip = await ada.run('work', 'rev-parse', 'HEAD');
    expect(await ada.run('work', 'ls-remote', 'origin', 'refs/heads/main')).toContain(tip);
    for (const [round, version] of ['0', '2'].entries()) {
      const spoken = ['-c', `protocol.version=${version}`];
      await ada.run('.', ...spoken, 'clone', '-q', '--depth', '1', url, `shallow-${version}`);
      expect(await ada.run(`shallow-${version}`, 'rev-list', '--count', 'HEAD')).toBe('1');
      await ada.run(`shallow-${version}`, ...spoken, 'fetch', '-q', '--unshallow');
      expect(await ada.run(`shallow-${version}`, 'rev-list', '--count', 'HEAD')).toBe(
        String(3 + round),
      );
      await ada.run('.', ...spoken, 'clone', '-q', url, `many-${version}`);
      await manyCommits(`many-${version}`, 300);
      await ada.commit('work', 'b', `${version}\n`);
      await ada.run('work', 'push', '-q', 'origin', 'main');
      await ada.run(`many-${version}`, ...spoken, 'fetch', '-q', 'origin');
      expect(await ada.run(`many-${version}`, 'rev-parse', 'origin/main')).toBe(
        await ada.run('work', 'rev-parse', 'HEAD'),
      );
    }
    expect(server.requests).toContain('POST /git/team/app.git/git-upload-pack gzip');
    expect(server.errors).toEqual([]);
  });

  test('two pushers at once: one wins, the other is told to fetch', async () => {
    await ada.commit('work', 'a', 'one\n');
    await ada.run('work', 'push', '-q', 'origin', 'main');
    const others = ['left', 'right'];
    for (const name of others) {
      await ada.run('.', 'clone', '-q', url, name);
      await ada.commit(name, name, 'mine\n');
    }
    const said = await Promise.all(others.map((name) => ada.try(name, 'push', 'origin', 'main')));
    expect(said.filter(({ code }) => code === 0)).toHaveLength(1);
    expect(said.map(({ err }) => err).join('')).toMatch(/fetch/);
    expect(seen).toHaveLength(2);
    await rebuild();
  });
});

describe('refusals', () => {
  test('a refused push names the reason to the pusher and leaves nothing behind', async () => {
    decide = async () => ({ accept: false, reason: 'rule 7:\n\u001b[31mmain is protected' });
    await ada.commit('work', 'a', 'one\n');
    const said = await ada.try('work', 'push', 'origin', 'main');
    expect(said.code).toBe(1);
    expect(said.err).toContain('remote: rule 7: [31mmain is protected');
    expect(said.err).toContain('pre-receive hook declined');
    expect((await git.state('app')).refs).toEqual([]);
    expect((await git.countObjects('app')).objects).toBe(0);
  });

  test('a decision that fails is a refusal', async () => {
    decide = async () => Promise.reject(new Error('secret detail'));
    await ada.commit('work', 'a', 'one\n');
    const said = await ada.try('work', 'push', 'origin', 'main');
    expect(said.err).toContain('remote: the node failed to take the push; its log has the cause');
    expect(said.err).not.toContain('secret');
    expect((await git.state('app')).refs).toEqual([]);
  });

  test('a mirror’s refusal is shown as the remote’s words before anything is sent', async () => {
    refusal = 'read-only mirror of hamburg/team/app';
    await ada.commit('work', 'a', 'one\n');
    const said = await ada.try('work', 'push', 'origin', 'main');
    expect(said.code).not.toBe(0);
    expect(said.err).toContain('remote: read-only mirror of hamburg/team/app');
    expect(server.requests.every((request) => request.startsWith('GET'))).toBe(true);
    await ada.run('.', 'clone', '-q', url, 'copy');
  });

  test('an unknown repository, the dumb protocol and foreign bodies are refused', async () => {
    const missing = await ada.try('.', 'ls-remote', `${server.url}/team/other.git`);
    expect(missing.err).toContain('remote: there is no repository team/other here');
    const answers = await Promise.all([
      fetch(`${url}/info/refs`),
      fetch(`${url}/HEAD`),
      fetch(`${url}/git-upload-pack`, { method: 'POST', body: '0000' }),
      fetch(`${url}/git-upload-archive`, { method: 'POST', body: '0000' }),
      fetch(`${url}/info/refs?service=git-upload-pack`),
    ]);
    expect(answers.map(({ status }) => status)).toEqual([403, 404, 415, 404, 200]);
    expect(answers.map(({ headers }) => headers.get('content-type')?.split(';')[0])).toEqual([
      'text/plain',
      'text/plain',
      'text/plain',
      'text/plain',
      'application/x-git-upload-pack-advertisement',
    ]);
    expect(answers[4]?.headers.get('cache-control')).toContain('no-cache');
  });

  test('refs of the platform’s own are neither shown nor pushed to', async () => {
    const tip = await ada.commit('work', 'a', 'one\n');
    await ada.run('work', 'push', '-q', 'origin', 'main');
    const state = await git.state('app');
    await git.setState('app', {
      ...state,
      refs: [...state.refs, { name: 'refs/hansa/lanes/one', target: tip }],
    });
    expect(await ada.run('work', 'ls-remote', 'origin')).not.toContain('refs/hansa');
    const said = await ada.try('work', 'push', 'origin', 'main:refs/hansa/lanes/two');
    expect(said.err).toContain('deny updating a hidden ref');
    expect(seen).toHaveLength(1);
  });

  test('what git would refuse after the decision is refused before it', async () => {
    await ada.commit('work', 'a', 'one\n');
    await ada.run('work', 'push', '-q', 'origin', 'main:refs/heads/x');
    const folderName = await ada.try('work', 'push', 'origin', 'main:refs/heads/x/y');
    expect(folderName.err).toContain('git cannot hold refs/heads/x and refs/heads/x/y together');
    const blob = await ada.run('work', 'rev-parse', 'HEAD:a');
    await ada.run('work', 'tag', 'blob', blob);
    const branch = await ada.try('work', 'push', 'origin', 'refs/tags/blob:refs/heads/blob');
    expect(branch.code).not.toBe(0);
    expect(seen).toHaveLength(1);
    await ada.run('work', 'push', '-q', 'origin', 'refs/tags/blob');
    await rebuild();
  });

  test('broken objects are refused, an old history’s harmless faults are let in with a warning', async () => {
    await ada.commit('work', 'a', 'one\n');
    const tree = await ada.run('work', 'rev-parse', 'HEAD^{tree}');
    const oldCommit =
      `tree ${tree}\nauthor Old <old@example.org> 1100000000 +051800\n` +
      'committer Old <old@example.org> 1100000000 +051800\n\nold\n';
    await pushRaw('commit', oldCommit, 'old');
    expect(seen).toHaveLength(1);
    const said = await pushRaw('commit', `tree ${tree}\n\nno author\n`, 'bad');
    expect(said).toContain('missingAuthor');
    expect(seen).toHaveLength(1);
  });
});

async function pushRaw(type: string, content: string, branch: string): Promise<string> {
  await ada.write('.', 'raw', content);
  const id = await ada.run('work', 'hash-object', '-t', type, '--literally', '-w', ada.path('raw'));
  return (await ada.try('work', 'push', 'origin', `${id}:refs/heads/${branch}`)).err;
}

/** Local history that the server has never seen: every commit is one `have` of a fetch. */
async function manyCommits(place: string, count: number): Promise<void> {
  let stream = '';
  for (let at = 0; at < count; at += 1) {
    const from = at === 0 ? 'from refs/heads/main^0\n' : '';
    stream += `commit refs/heads/mine\ncommitter A <a@example.org> ${2_000_000_000 + at} +0000\n`;
    stream += `data 1\nx\n${from}\n`;
  }
  await ada.write('.', 'stream', stream);
  await ada.run(
    place,
    '-c',
    `alias.load=!git fast-import --quiet < '${ada.path('stream')}'`,
    'load',
  );
}

function incompressible(bytes: number): Uint8Array {
  const noise = new Uint8Array(bytes);
  let state = 42;
  for (let at = 0; at < bytes; at += 1) {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    noise[at] = state >>> 16;
  }
  return noise;
}
