import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, onTestFinished, test } from 'vitest';
import { boundedFetch, isAskable, providerAnswerBytesMax } from './bounded-fetch.ts';

async function serve(answer: RequestListener): Promise<URL> {
  const server = createServer(answer);
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  onTestFinished(() => void server.close());
  const { port } = server.address() as AddressInfo;
  return new URL(`http://127.0.0.1:${port}/`);
}

test.each([
  ['https://login.example', 'https://login.example/token', true],
  ['https://login.example', 'http://login.example/token', false],
  ['https://login.example', 'http://127.0.0.1/token', false],
  ['http://127.0.0.1:9', 'http://localhost:10/token', true],
  ['http://127.0.0.1:9', 'http://169.254.169.254/latest', false],
  ['http://127.0.0.1:9', 'javascript:alert(1)', false],
  ['https://login.example', 'file:///etc/passwd', false],
])('of a provider at %s, the address %s is asked: %s', (issuer, address, asked) => {
  expect(isAskable(new URL(address), new URL(issuer))).toBe(asked);
});

test('an answer of as many bytes as may be is read, and one of more is cut off', async () => {
  let sent = 0;
  const issuer = await serve((request, response) => {
    if (request.url === '/just') {
      response.end(Buffer.alloc(providerAnswerBytesMax));
      return;
    }
    const more = (): void => {
      while (!response.destroyed && response.write(Buffer.alloc(65_536))) {
        sent += 65_536;
      }
    };
    response.on('drain', more).on('error', () => undefined);
    more();
  });
  const ask = boundedFetch(issuer);
  const whole = await ask(new URL('/just', issuer).href, {});
  expect((await whole.arrayBuffer()).byteLength).toBe(providerAnswerBytesMax);
  await expect(ask(new URL('/endless', issuer).href, {})).rejects.toMatchObject({
    code: 'PROVIDER_FAILED',
    facts: { reason: 'size' },
  });
  expect(sent).toBeLessThan(16 * providerAnswerBytesMax);
});

test('a redirect is an answer like another, and not followed', async () => {
  const paths: string[] = [];
  const issuer = await serve((request, response) => {
    paths.push(request.url ?? '');
    response.writeHead(302, { location: '/elsewhere' }).end();
  });
  expect((await boundedFetch(issuer)(issuer.href, {})).status).toBe(302);
  expect(paths).toEqual(['/']);
});

test('what may not be asked is refused before anything goes out', async () => {
  const ask = boundedFetch(new URL('https://login.example'));
  await expect(ask('http://127.0.0.1:1/', {})).rejects.toMatchObject({
    code: 'PROVIDER_FAILED',
    facts: { reason: 'address' },
  });
});
