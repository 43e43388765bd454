// A page on the web must not write to a router of the machine that it is looked at on.
import { connect } from 'node:net';
import { once } from 'node:events';
import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { ends, until } from '../../testkit/signal-ends.ts';
import { isOrigin, listenTcp, listenWebSocket } from './index.ts';

const host = '127.0.0.1';
const ending: (() => Promise<void> | void)[] = [];

afterEach(async () => {
  for (const end of ending.splice(0).reverse()) {
    await end();
  }
});

async function listening(
  origins?: readonly string[],
): Promise<{ url: string; server: ReturnType<typeof ends> }> {
  const server = ends();
  const listener = await listenWebSocket({ host, port: 0, accept: server.accept, origins });
  ending.push(() => listener.close());
  return { url: `ws://${host}:${listener.port}`, server };
}

/** `open`, or why it is not. */
function answerTo(url: string, headers: Readonly<Record<string, string>>): Promise<string> {
  const webSocket = new WebSocket(url, 'clasp', { headers });
  ending.push(() => webSocket.terminate());
  return new Promise((resolve) => {
    webSocket.once('open', () => resolve('open'));
    webSocket.once('error', ({ message }) => resolve(message));
  });
}

const refused = 'Unexpected server response: 403';

describe('without a word of the owner', () => {
  it.each([
    'http://localhost',
    'http://localhost:3000',
    'https://localhost:8443',
    'http://desk.localhost:5173',
    'http://127.0.0.1:8080',
    'http://127.8.9.10',
    'http://[::1]:8080',
  ])('a page of this machine, %s, comes in', async (Origin) => {
    const { url } = await listening();
    expect(await answerTo(url, { Origin })).toBe('open');
  });

  it.each([
    'https://evil.example',
    'http://localhost.evil.example',
    'http://127.0.0.1.evil.example',
    'http://evil.example/localhost',
    'http://localhost@evil.example',
    'http://192.168.1.7',
    'file://',
    'null',
    'chrome-extension://abcdefghijklmnopabcdefghijklmnop',
    'localhost',
    '',
    `http://${'x'.repeat(600)}.localhost`,
  ])('a page of “%s” does not', async (Origin) => {
    const { url, server } = await listening();
    expect(await answerTo(url, { Origin })).toBe(refused);
    expect(server.all).toEqual([]);
  });

  it('a page whose name was pointed at this machine does not, whatever Host says', async () => {
    const { url } = await listening();
    const { port } = new URL(url);
    const Host = `evil.example:${port}`;
    expect(await answerTo(url, { Host, Origin: `http://${Host}` })).toBe(refused);
  });

  it('a program that is no browser comes in', async () => {
    const { url, server } = await listening();
    expect(await answerTo(url, {})).toBe('open');
    await until(() => server.all.length === 1);
  });
});

describe('where the owner names origins', () => {
  it('they come in, however they were written, beside those of this machine', async () => {
    const { url } = await listening(['HTTPS://Show.Example:443/', 'null', 'app://desk']);
    for (const Origin of ['https://show.example', 'null', 'app://desk', 'http://localhost:1']) {
      expect(await answerTo(url, { Origin })).toBe('open');
    }
    for (const Origin of ['http://show.example', 'https://other.show.example', 'app://other']) {
      expect(await answerTo(url, { Origin })).toBe(refused);
    }
  });

  it('a star lets in pages of anywhere', async () => {
    const { url } = await listening(['*']);
    expect(await answerTo(url, { Origin: 'https://show.example' })).toBe('open');
  });
});

it.each([
  ['https://show.example', true],
  ['http://[fe80::1]:8080/', true],
  ['app://desk', true],
  ['null', true],
  ['*', true],
  ['show.example', false],
  ['https://show.example/page', false],
  ['https://user@show.example', false],
  [`https://${'x'.repeat(600)}`, false],
  ['', false],
])('that “%s” can be named as an origin is %s', (text, can) => {
  expect(isOrigin(text)).toBe(can);
});

it('a form that a page sends to the port of TCP is cut off before a frame is read', async () => {
  const server = ends();
  const listener = await listenTcp({ host, port: 0, accept: server.accept });
  ending.push(() => listener.close());
  const socket = connect({ host, port: listener.port });
  socket.on('error', () => undefined);
  socket.resume();
  const frame = '\0\0\0\x05S\x01\0\x01A';
  socket.write(`POST / HTTP/1.1\r\nHost: x\r\nContent-Length: ${frame.length}\r\n\r\n${frame}`);
  await once(socket, 'close');
  expect(server.all[0]?.frames).toEqual([]);
});
