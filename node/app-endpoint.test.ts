import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { HansaError } from '@hansa/foundation';
import { expect, onTestFinished, test } from 'vitest';
import { createAppEndpoints } from './app-endpoint.ts';

const bytesMax = 1_000;
const endpoints = createAppEndpoints(bytesMax);
const request = { method: 'GET', path: '/a', body: new Uint8Array(0), caller: 'owner' } as const;

async function listen(answer: RequestListener): Promise<string> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function call(endpoint: string, signal = new AbortController().signal) {
  return endpoints.call(endpoint, request, signal);
}

test('what an app answers comes back, and what it redirects to is not followed', async () => {
  const paths: unknown[] = [];
  const endpoint = await listen(({ url, headers }, response) => {
    paths.push([url, headers['hansa-caller']]);
    response.writeHead(302, { location: '/elsewhere', 'content-type': 'text/plain' }).end('there');
  });
  const answer = await call(`${endpoint}/base/`);
  expect({ ...answer, body: Buffer.from(answer.body).toString() }).toEqual({
    status: 302,
    contentType: 'text/plain',
    body: 'there',
  });
  expect(paths).toEqual([['/base/a', 'owner']]);
});

test('an answer over its bound is OUTPUT_INVALID, one that breaks off APP_UNREACHABLE', async () => {
  const large = await listen((_request, response) => response.end('x'.repeat(bytesMax + 1)));
  await expect(call(large)).rejects.toMatchObject({ code: 'OUTPUT_INVALID' });
  const broken = await listen((_request, response) => {
    response.writeHead(200, { 'content-length': 10 });
    response.write('x', () => response.destroy());
  });
  await expect(call(broken)).rejects.toMatchObject({ code: 'APP_UNREACHABLE' });
});

test('where nobody listens, and anywhere but on this machine, is APP_UNREACHABLE', async () => {
  const server = createServer();
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  await new Promise((resolve) => {
    server.close(resolve);
  });
  const closed = `http://127.0.0.1:${port}`;
  for (const endpoint of [closed, 'http://192.0.2.1:80', 'https://127.0.0.1:80']) {
    await expect(call(endpoint)).rejects.toMatchObject({ code: 'APP_UNREACHABLE' });
  }
});

test('a call ends with its signal, for the signal’s reason', async () => {
  const stop = new AbortController();
  const endpoint = await listen(() => stop.abort(new HansaError('TIMED_OUT', 'late')));
  await expect(call(endpoint, stop.signal)).rejects.toMatchObject({ code: 'TIMED_OUT' });
});
