import { mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { createServer as createHttpServer } from 'node:http';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { httpLimits } from './http-limits.ts';
import { listenUnix, socketPathBytesMax } from './http-listen.ts';
import { ask, openShelves } from './shelves.suite.ts';

async function folder(): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'hansa-http-'));
  onTestFinished(() => rm(path, { recursive: true }));
  return path;
}

test('a taken port is PORT_TAKEN and named', async () => {
  const first = await openShelves();
  const second = openShelves({ needs: { listen: first.address } });
  await expect(second).rejects.toMatchObject({ code: 'PORT_TAKEN', facts: first.address });
  await expect(second).rejects.toThrow(String(first.address.port));
});

test('the unix socket serves the same road, and only this user may open it', async () => {
  const socketPath = join(await folder(), 'api.sock');
  const road = await openShelves({ needs: { socketPath } });
  expect((await stat(socketPath)).mode & 0o777).toBe(0o600);
  expect((await ask(road, '/books', { socketPath })).status).toBe(200);
  expect((await ask(road, '/books', { socketPath, anonymous: true })).status).toBe(401);
  await road.close();
  await expect(stat(socketPath)).rejects.toThrow('ENOENT');
});

test('a socket that a crash left behind is replaced; a living one and a file are not', async () => {
  const path = await folder();
  const socketPath = join(path, 'api.sock');
  const living = createServer().listen(socketPath);
  onTestFinished(() => void living.close());
  await new Promise((resolve) => living.once('listening', resolve));
  await expect(openShelves({ needs: { socketPath } })).rejects.toMatchObject({
    code: 'PORT_TAKEN',
  });

  const file = join(path, 'file');
  await writeFile(file, 'precious');
  await expect(openShelves({ needs: { socketPath: file } })).rejects.toMatchObject({
    code: 'PORT_TAKEN',
  });
  expect((await stat(file)).isFile()).toBe(true);
});

test('a socket path that the system would cut off is refused', async () => {
  const socketPath = join(await folder(), 'x'.repeat(110));
  await expect(openShelves({ needs: { socketPath } })).rejects.toMatchObject({
    code: 'CONFIG_INVALID',
  });
});

test('a head that does not arrive is answered and cut off: slow loris', async () => {
  const road = await openShelves({ needs: { limits: { ...httpLimits, headersMs: 50 } } });
  expect(await speak(road.address, 'GET /health HTTP/1.1\r\nHost: local')).toMatch(
    /^HTTP\/1.1 408 /,
  );
  // A connection that says nothing at all is closed as well.
  expect(await speak(road.address, '')).toMatch(/^(?:HTTP\/1.1 408 |$)/);
});

test('what is no HTTP, or too long a head, is answered and cut off', async () => {
  const road = await openShelves();
  expect(await speak(road.address, 'EHLO there\r\n\r\n')).toMatch(
    /^HTTP\/1.1 400 .*INPUT_INVALID/s,
  );
  const long = `GET /health HTTP/1.1\r\nHost: localhost\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`;
  expect(await speak(road.address, long)).toMatch(/^HTTP\/1.1 431 .*INPUT_TOO_LARGE/s);
});

test('connections over the bound are dropped', async () => {
  const road = await openShelves({ needs: { limits: { ...httpLimits, connectionsMax: 1 } } });
  const first = connect(road.address.port, road.address.host);
  onTestFinished(() => void first.destroy());
  await new Promise((resolve) => first.once('connect', resolve));
  await expect(ask(road, '/health')).rejects.toThrow(/hang up|ECONNRESET/);
});

/** Says it over a bare socket; everything that comes back until the end. */
function speak(address: { host: string; port: number }, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(address.port, address.host, () => socket.write(text));
    let heard = '';
    socket.on('data', (part) => (heard += part.toString()));
    socket.once('error', reject);
    socket.once('close', () => resolve(heard));
  });
}

test('a socket’s path has so many bytes; a longer one is CONFIG_INVALID, and nothing listens', async () => {
  const base = await folder();
  const path = (bytes: number): string => join(base, 's'.repeat(bytes - base.length - 1));
  const server = createHttpServer();
  const longer = path(socketPathBytesMax + 1);
  await expect(listenUnix(server, longer)).rejects.toMatchObject({ code: 'CONFIG_INVALID' });
  expect(server.listening).toBe(false);
  await listenUnix(server, path(socketPathBytesMax));
  expect(server.listening).toBe(true);
  server.close();
});
