import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { rememberContext, resolveContext, type Home } from './contexts.ts';
import { dropSession, keepSession, readSession } from './kept-sessions.ts';

const kept = { session: 'hs_text', principal: 'user:anna', expiresMs: 7 };

async function folder(): Promise<Home> {
  const path = await mkdtemp(join(tmpdir(), 'hansa-home-'));
  onTestFinished(() => rm(path, { recursive: true }));
  return path as Home;
}

test('a session is kept for this user alone, replaced whole, and dropped', async () => {
  const home = await folder();
  expect(await readSession(home, 'lubeck')).toBeUndefined();
  await keepSession(home, 'lubeck', { ...kept, session: 'hs_before' });
  await keepSession(home, 'lubeck', kept);
  expect(await readSession(home, 'lubeck')).toEqual(kept);
  expect(await readSession(home, 'bergen')).toBeUndefined();
  expect(await readdir(join(home, 'sessions'))).toEqual(['lubeck.json']);
  const mode = async (path: string): Promise<number> => (await stat(path)).mode & 0o777;
  expect(await mode(join(home, 'sessions'))).toBe(0o700);
  expect(await mode(join(home, 'sessions', 'lubeck.json'))).toBe(0o600);
  await dropSession(home, 'lubeck');
  expect(await readSession(home, 'lubeck')).toBeUndefined();
});

test('no name of a context leads out of the folder', async () => {
  const home = await folder();
  await keepSession(home, '../../escape', kept);
  expect(await readdir(home)).toEqual(['sessions']);
  expect(await readdir(join(home, 'sessions'))).toHaveLength(1);
});

test('a damaged file is told with what to do', async () => {
  const home = await folder();
  await keepSession(home, 'lubeck', kept);
  await writeFile(join(home, 'sessions', 'lubeck.json'), '{');
  await expect(readSession(home, 'lubeck')).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});

test('a context is a data folder or an address', async () => {
  const home = await folder();
  await rememberContext(home, { name: 'far', url: 'https://hansa.example' });
  await rememberContext(home, { name: 'near', data: join(home, 'clusters', 'near') });
  expect(await resolveContext(home, 'far')).toEqual({ name: 'far', url: 'https://hansa.example' });
  const near = { name: 'near', data: join(home, 'clusters', 'near') };
  expect(await resolveContext(home, 'near')).toEqual(near);
});
