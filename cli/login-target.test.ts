import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { rememberContext, type Context, type Home } from './contexts.ts';
import { loginTarget } from './login-target.ts';

async function folder(): Promise<Home> {
  const path = await mkdtemp(join(tmpdir(), 'hansa-login-'));
  onTestFinished(() => rm(path, { recursive: true }));
  return path as Home;
}

function target(
  home: Home,
  options: Readonly<Record<string, string>>,
  context?: string,
): Promise<Context> {
  return loginTarget({ home, context, options, args: {}, print: () => undefined });
}

const url = 'https://far.example:7400';

test('a node behind TLS is logged in to with certificates, given or kept from before', async () => {
  const home = await folder();
  const tls = { ca: join(home, 'ca'), cert: join(home, 'cert'), key: join(home, 'key') };
  for (const path of Object.values(tls)) {
    await writeFile(path, 'PEM');
  }
  const made = await target(home, { url, ...tls }, 'far');
  expect(made).toEqual({ name: 'far', url, tls });
  await rememberContext(home, made);
  expect(await target(home, { url }, 'far')).toEqual(made);
  expect(await target(home, {}, 'far')).toEqual(made);
  expect(await target(home, { url, ...tls })).toMatchObject({ name: 'far.example' });
});

test('without all of them, or with one that cannot be read, nothing is asked', async () => {
  const home = await folder();
  const gone = join(home, 'gone');
  const usage = { code: 'USAGE' };
  await expect(target(home, { url })).rejects.toMatchObject(usage);
  await expect(target(home, { url, ca: gone })).rejects.toMatchObject(usage);
  await expect(target(home, { ca: gone, cert: gone, key: gone })).rejects.toMatchObject(usage);
  const all = { url, ca: gone, cert: gone, key: gone };
  await expect(target(home, all)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
});

test('whoever knows no node yet is told to name one', async () => {
  const home = await folder();
  const code = 'CONTEXT_NOT_FOUND';
  const nowhere = 'name the node of whoever invited you: hansa login --url <address>; or start one';
  await expect(target(home, {})).rejects.toMatchObject({
    code,
    fix: expect.stringContaining(nowhere),
  });
  await rememberContext(home, { name: 'far', url });
  const fix = expect.stringContaining('known: far');
  await expect(target(home, {}, 'fra')).rejects.toMatchObject({ code, fix });
});

test('a password goes over plain HTTP on this machine alone, and to what is an address', async () => {
  const home = await folder();
  const plain = { url: 'http://127.0.0.1:1', name: 'near' };
  expect(await target(home, { url: plain.url }, 'near')).toEqual(plain);
  for (const wrong of ['http://far.example:1', 'far.example', 'ftp://127.0.0.1']) {
    await expect(target(home, { url: wrong })).rejects.toMatchObject({ code: 'USAGE' });
  }
  await rememberContext(home, { name: 'own', data: '/own' });
  const taken = target(home, { url: plain.url }, 'own');
  await expect(taken).rejects.toMatchObject({ code: 'USAGE' });
});
