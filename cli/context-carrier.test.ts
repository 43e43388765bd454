import { mkdir, mkdtemp, realpath, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { remote } from '@hansa/foundation';
import { daemonContract, type Daemon } from '@hansa/capabilities/daemon/contract';
import { beforeEach, expect, onTestFinished, test } from 'vitest';
import { createContextCarrier } from './context-carrier.ts';
import { rememberContext, type Home } from './contexts.ts';

let home: Home;
let data: string;

beforeEach(async () => {
  home = (await realpath(await mkdtemp(join(tmpdir(), 'hansa-carrier-')))) as Home;
  onTestFinished(() => rm(home, { recursive: true }));
  data = join(home, 'bergen');
  await mkdir(data);
  await rememberContext(home, { name: 'lubeck', data: '/elsewhere' });
  await rememberContext(home, { name: 'bergen', data });
});

function bergen(): Daemon {
  const needs = { home, context: 'bergen', timeout: undefined };
  return remote(
    daemonContract,
    createContextCarrier(() => needs),
  );
}

test('of a node that was stopped, the fix starts that cluster and no other', async () => {
  await expect(bergen().status({})).rejects.toMatchObject({
    code: 'NODE_UNREACHABLE',
    fix: 'start it: hansa --context bergen up',
  });
});

test('of a node that died and left its socket, too', async () => {
  const port = await freePort();
  await writeFile(join(data, 'owner.token'), 'secret\n');
  const api = { url: `http://127.0.0.1:${port}`, pid: 1 };
  await writeFile(join(data, 'api.json'), JSON.stringify(api));
  await expect(bergen().status({})).rejects.toMatchObject({
    code: 'NODE_UNREACHABLE',
    cause: { code: 'ECONNREFUSED' },
    fix: 'start it: hansa --context bergen up',
  });
});

function freePort(): Promise<number> {
  return new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}
