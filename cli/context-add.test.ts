import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { CommandOutput } from '@hansa/foundation';
import { expect, onTestFinished, test } from 'vitest';
import { contextAdd } from './context-add.ts';
import { readContexts, resolveContext, type Home } from './contexts.ts';

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'hansa-context-'));
  onTestFinished(() => rm(path, { recursive: true }));
  for (const name of ['ca.pem', 'cert.pem', 'key.pem']) {
    await writeFile(join(path, name), name);
  }
  return path;
}

function add(home: string, options: Record<string, string>, name = 'lubeck') {
  const print = (): void => undefined;
  return contextAdd.run({
    home: home as Home,
    context: undefined,
    args: { name },
    options,
    print,
  }) as Promise<CommandOutput>;
}

test('a cluster that runs elsewhere is known by its address and the certificates for it', async () => {
  const at = await folder();
  const files = { ca: join(at, 'ca.pem'), cert: join(at, 'cert.pem'), key: join(at, 'key.pem') };
  const { data } = await add(at, { url: 'https://10.0.0.1:7400', ...files });
  expect(data).toEqual({ name: 'lubeck', url: 'https://10.0.0.1:7400', tls: files });
  expect(await resolveContext(at as Home, 'lubeck')).toEqual(data);
  expect((await readContexts(at as Home)).current).toBe('lubeck');
});

test('a context file names files beside it, and an address that a flag may change', async () => {
  const at = await folder();
  const file = join(at, 'context.json');
  const texts = { ca: 'ca.pem', cert: 'cert.pem', key: 'key.pem' };
  await writeFile(file, JSON.stringify({ url: 'https://a.example:1', ...texts }));
  const tls = { ca: join(at, 'ca.pem'), cert: join(at, 'cert.pem'), key: join(at, 'key.pem') };
  expect((await add(at, { from: file })).data).toMatchObject({ url: 'https://a.example:1', tls });
  const other = await add(at, { from: file, url: 'https://b.example:2' });
  expect(other.data).toMatchObject({ url: 'https://b.example:2', tls });
});

test('nothing is kept of what is incomplete, plain, not there or no context file', async () => {
  const at = await folder();
  const files = { ca: join(at, 'ca.pem'), cert: join(at, 'cert.pem'), key: join(at, 'key.pem') };
  const url = 'https://x:1';
  const usage = { code: 'USAGE' };
  await expect(add(at, { url })).rejects.toMatchObject(usage);
  await expect(add(at, { ...files, url: 'http://x:1' })).rejects.toMatchObject(usage);
  await expect(add(at, { url, ...files }, '../x')).rejects.toMatchObject(usage);
  const gone = { ...files, key: join(at, 'gone.pem') };
  await expect(add(at, { url, ...gone })).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  const from = join(at, 'ca.pem');
  await expect(add(at, { from })).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  expect((await readContexts(at as Home)).contexts).toEqual({});
});
