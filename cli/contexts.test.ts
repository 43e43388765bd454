import { mkdir, mkdtemp, readdir, realpath, rm, stat, writeFile } from 'node:fs/promises';
import { homedir, tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import {
  findHome,
  forgetContext,
  readApi,
  readContexts,
  readOwnerToken,
  rememberContext,
  resolveContext,
  useContext,
  type Home,
} from './contexts.ts';
import { keepSession, readSession } from './kept-sessions.ts';

async function folder(): Promise<Home> {
  const path = await realpath(await mkdtemp(join(tmpdir(), 'hansa-home-')));
  onTestFinished(() => rm(path, { recursive: true }));
  return path as Home;
}

test('the home folder is HANSA_HOME, else the nearest .hansa upwards that knows contexts', async () => {
  const top = await folder();
  const deep = join(top, 'a', 'b');
  const known = { name: 'x', data: '/x' };
  await mkdir(join(top, 'a', '.hansa'), { recursive: true });
  await mkdir(join(top, '.hansa'));
  await mkdir(deep);
  expect(findHome({ HANSA_HOME: '/elsewhere' }, deep)).toBe('/elsewhere');
  await rememberContext(join(top, '.hansa') as Home, known);
  // The nearer one holds no contexts.json, and so is not one of ours.
  expect(findHome({}, deep)).toBe(join(top, '.hansa'));
  await rememberContext(join(top, 'a', '.hansa') as Home, known);
  expect(findHome({}, deep)).toBe(join(top, 'a', '.hansa'));
});

test('without any, the home folder is in the user’s own', async () => {
  const found = findHome({}, await folder());
  const own = join(homedir(), '.hansa');
  // A checkout with a federation of its own comes before it.
  expect(found === own || found.endsWith('/.hansa')).toBe(true);
});

test('a session goes with the node that it is of: another one of the same name is never shown it', async () => {
  const home = await folder();
  const session = { session: 's', principal: 'user:anna', id: 'i', expiresMs: 1 } as const;
  const url = 'https://a.example:1';
  await rememberContext(home, { name: 'far', url });
  await keepSession(home, 'far', session);
  const tls = { ca: '/ca', cert: '/cert', key: '/key' };
  await rememberContext(home, { name: 'far', url, tls });
  expect(await readSession(home, 'far')).toMatchObject({ principal: 'user:anna' });
  await rememberContext(home, { name: 'far', url: 'https://b.example:1' });
  expect(await readSession(home, 'far')).toBeUndefined();
  await keepSession(home, 'far', session);
  await forgetContext(home, 'far');
  expect(await readSession(home, 'far')).toBeUndefined();
});

test('what was written is read, for this user alone, and nothing is left beside it', async () => {
  const home = join(await folder(), 'new') as Home;
  await rememberContext(home, { name: 'a', data: '/a' });
  expect(await readContexts(home)).toEqual({ current: 'a', contexts: { a: { data: '/a' } } });
  expect(await readdir(home)).toEqual(['contexts.json']);
  expect((await stat(home)).mode & 0o777).toBe(0o700);
  expect((await stat(join(home, 'contexts.json'))).mode & 0o777).toBe(0o600);
});

test('no file means no contexts; a damaged one is CONFIG_INVALID and left alone', async () => {
  const home = await folder();
  expect(await readContexts(home)).toEqual({ contexts: {} });
  for (const text of ['{', '[]', '{"contexts":{"a":{}}}']) {
    await writeFile(join(home, 'contexts.json'), text);
    await expect(readContexts(home)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  }
});

test('the first remembered context is the current one; a data folder below home is relative', async () => {
  const home = await folder();
  await rememberContext(home, { name: 'a', data: join(home, 'clusters', 'a') });
  await rememberContext(home, { name: 'b', data: '/elsewhere/b' });
  expect(await readContexts(home)).toEqual({
    current: 'a',
    contexts: { a: { data: 'clusters/a' }, b: { data: '/elsewhere/b' } },
  });
  expect(await resolveContext(home, undefined)).toEqual({
    name: 'a',
    data: join(home, 'clusters', 'a'),
  });
  await useContext(home, 'b');
  expect(await resolveContext(home, undefined)).toEqual({ name: 'b', data: '/elsewhere/b' });
});

test('an unknown context is CONTEXT_NOT_FOUND and changes nothing', async () => {
  const home = await folder();
  await expect(resolveContext(home, undefined)).rejects.toMatchObject({
    code: 'CONTEXT_NOT_FOUND',
    fix: 'start one: hansa up',
  });
  await rememberContext(home, { name: 'a', data: '/a' });
  for (const name of ['b', '__proto__', 'constructor']) {
    await expect(useContext(home, name)).rejects.toMatchObject({
      code: 'CONTEXT_NOT_FOUND',
      fix: 'known: a',
    });
  }
  expect((await readContexts(home)).current).toBe('a');
});

test('a forgotten context is no longer known nor current, and its data folder stays', async () => {
  const home = await folder();
  const data = join(home, 'clusters', 'a');
  await mkdir(data, { recursive: true });
  await rememberContext(home, { name: 'a', data });
  await rememberContext(home, { name: 'b', data: '/b' });
  expect(await forgetContext(home, 'a')).toEqual({ name: 'a', data });
  expect(await readContexts(home)).toEqual({ contexts: { b: { data: '/b' } } });
  expect((await stat(data)).isDirectory()).toBe(true);
  await expect(forgetContext(home, 'a')).rejects.toMatchObject({ code: 'CONTEXT_NOT_FOUND' });
});

test('a data folder without a running node is NODE_UNREACHABLE with the cause and the fix', async () => {
  const data = await folder();
  await expect(readApi(data)).rejects.toMatchObject({
    code: 'NODE_UNREACHABLE',
    fix: `start it: hansa up --data ${data}`,
  });
});

test('a socket is used where it is, and the address where it is not', async () => {
  const data = await folder();
  const socketPath = join(data, 'api.sock');
  const api = { url: 'http://127.0.0.1:4870', socketPath, pid: 1 };
  await writeFile(join(data, 'api.json'), JSON.stringify(api));
  expect(await readApi(data)).toEqual({ url: api.url, pid: 1 });
  await writeFile(socketPath, '');
  expect(await readApi(data)).toEqual(api);
});

test('the owner token is read whole; without one the user is told whose it is', async () => {
  const data = await folder();
  await expect(readOwnerToken(data)).rejects.toMatchObject({ code: 'UNAUTHENTICATED' });
  await writeFile(join(data, 'owner.token'), 'secret\n');
  expect(await readOwnerToken(data)).toBe('secret');
});
