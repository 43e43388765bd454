// A signal router as people run one: by itself, without set-up, with the published client and the
// command line at it; what it refuses; what it keeps; and two of them that are one.
import { chmodSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { createNodeCrypto } from '@hansa/crypto-node';
import { toHex } from '@hansa/foundation';
import type { Value } from '@clasp-to/core';
import { describe, expect, test } from 'vitest';
import { capToken } from '../../testkit/cap-token.ts';
import { temporaryFolder } from './harness/place.ts';
import { run } from './harness/run.ts';
import { notYet, until } from './harness/until.ts';
import { hansa, hansaAlone, serveSignals, type SignalRouter } from './rooms/signal-router.ts';

const seed = new Uint8Array(32).fill(3);
const year = 2_000_000_000;

function file(name: string, text: string): string {
  const path = join(temporaryFolder('signal-files'), name);
  writeFileSync(path, text);
  chmodSync(path, 0o600);
  return path;
}

const odd = `cpsk_${'5'.repeat(32)}`;

function words(line: string): readonly string[] {
  return line.split(' ');
}

async function must<T>(router: SignalRouter, ...words: string[]): Promise<T> {
  const done = await router.signal(...words);
  expect([done.code, done.stderr]).toEqual([0, '']);
  return done.json<T>();
}

/** What stands there in the end. */
function untilValue(router: SignalRouter, address: string, value: unknown): Promise<true> {
  return until(`${address} is ${String(value)}`, async () => {
    const { stdout } = await router.signal('get', address);
    const { value: seen } = JSON.parse(stdout) as { readonly value: unknown };
    return seen === value ? true : notYet(seen);
  });
}

describe('a router without any set-up', () => {
  test('serves the published client and the command line one state', async () => {
    const router = await serveSignals('--open', '--rate-limit', '0', '--tcp-port', '0');
    const client = await router.client();
    const seen: (readonly [string, Value])[] = [];
    client.on('/stage/**', (value, address) => void seen.push([address, value]));
    expect(await must(router, 'set', '/stage/light', '0.75')).toMatchObject({ revision: 1 });
    await until('the client is told', () => seen.length === 1);
    await must(router, 'emit', '/stage/cue', '{"go":true}');
    await until('of the event too', () => seen.length === 2);
    expect(seen).toEqual([
      ['/stage/light', 0.75],
      ['/stage/cue', { go: true }],
    ]);
    client.set('/stage/fog', 'much');
    await untilValue(router, '/stage/fog', 'much');
    const shown = await hansa('signal', 'get', '/stage/fog', '--url', router.url);
    expect(shown.stdout).toContain('"much"');
    const tcp = `tcp://127.0.0.1:${router.tcpPort}`;
    const byTcp = await hansa('-o', 'json', 'signal', 'get', '/stage/light', '--url', tcp);
    expect(byTcp.json()).toMatchObject({ value: 0.75, revision: 1 });
    const watched = await router.signal('watch', '/stage/*', '--count', '2');
    const lines = watched.stdout.trim().split('\n').slice(0, 2);
    expect(lines.map((line) => (JSON.parse(line) as { address: string }).address)).toEqual([
      '/stage/light',
      '/stage/fog',
    ]);
    expect(await router.stop()).toBe(0);
  });

  test('says in words what is refused, by code and exit', async () => {
    const router = await serveSignals('--open');
    const missing = await router.signal('get', '/nothing');
    expect([missing.code, missing.report().code]).toEqual([3, 'SIGNAL_NOT_FOUND']);
    const odd = await router.signal('set', 'light', '1');
    expect([odd.code, odd.report().code]).toEqual([2, 'SIGNAL_ADDRESS_INVALID']);
    await must(router, 'set', '/a', '1');
    const late = await router.signal('set', '/a', '2', '--if-revision', '9');
    expect([late.code, late.report().code]).toEqual([5, 'SIGNAL_CONFLICT']);
    const nobody = await hansa('-o', 'json', 'signal', 'get', '/a', '--url', 'ws://127.0.0.1:1');
    expect([nobody.code, nobody.report().code]).toEqual([6, 'DIAL_FAILED']);
    const url = await hansa('-o', 'json', 'signal', 'get', '/a', '--url', 'http://127.0.0.1:1');
    expect([url.code, url.report().code]).toEqual([2, 'INPUT_INVALID']);
  });

  test('is measured by frames alone', async () => {
    const router = await serveSignals('--open', '--rate-limit', '0');
    const report = await must<{ sent: number; delivered: number; refused: number }>(
      router,
      ...words('bench --duration 300ms --warm-up 100ms --subscribers 2'),
    );
    expect(report.sent).toBeGreaterThan(100);
    expect(report.delivered).toBeGreaterThanOrEqual(report.sent);
    expect(report.refused).toBe(0);
  });
});

const notPem = file('none.pem', 'none');

function authority(hub: string, ca: string): readonly string[] {
  return ['--federation-hub', hub, '--federation-ca', ca];
}

test('a file of tokens that is no YAML is refused without a word of what it says', async () => {
  const list = file('cut.yaml', 'tokens: [{ token: cpsk_secret, scopes: ["read:/**"]');
  const done = await hansaAlone({}, 'signal', 'serve', '--port', '0', '--auth-file', list);
  expect([done.code, done.stdout]).toEqual([2, '']);
  expect(done.stderr).toContain('is neither YAML nor JSON');
  expect(done.stderr).not.toContain('cpsk');
  const alias = file('alias.yaml', 'tokens: [{ token: *cpsk_secret, scopes: ["read:/**"] }]');
  const other = await hansaAlone({}, 'signal', 'serve', '--port', '0', '--auth-file', alias);
  expect([other.code, other.stderr.includes('cpsk')]).toEqual([2, false]);
});

describe('a router does not start', () => {
  const serve = (...flags: string[]) =>
    hansaAlone({}, '-o', 'json', 'signal', 'serve', '--port', '0', ...flags);

  test.each([
    [['--open', '--host', '0.0.0.0'], 'CONFIG_INVALID'],
    [[], 'USAGE'],
    [['--open', '--trust-anchor', 'any.txt'], 'USAGE'],
    [['--open', '--durable', '/**'], 'CONFIG_INVALID'],
    [['--open', '--federation-mode', 'leaf'], 'USAGE'],
    [['--open', '--features', 'magic'], 'USAGE'],
    [['--open', '--allow-origin', '*'], 'CONFIG_INVALID'],
    [['--auth-file', '/nowhere/tokens.yaml'], 'INPUT_INVALID'],
    [['--open', '--federation-mode', 'mesh', '--federation-hub', 'nonsense'], 'INPUT_INVALID'],
    [['--open', '--federation-mode', 'mesh', '--federation-hub', 'http://x'], 'INPUT_INVALID'],
    [['--open', '--federation-mode', 'mesh', '--federation-hub', 'ws://a:99999'], 'INPUT_INVALID'],
    [['--open', '--federation-hub', ''], 'USAGE'],
    [['--open', '--features', ''], 'USAGE'],
    [
      ['--open', '--federation-mode', 'mesh', ...authority('wss://a', file('ca.pem', 'none'))],
      'INPUT_INVALID',
    ],
    [['--open', '--tls-cert', notPem, '--tls-key', notPem], 'CONFIG_INVALID'],
    [['--auth-file', file('none.yaml', 'tokens: []')], 'INPUT_INVALID'],
    [
      ['--auth-file', file('odd.yaml', `tokens: [{ token: ${odd}, scopes: [r] }]`)],
      'INPUT_INVALID',
    ],
  ])('with %j: %s, and says what to do', async (flags, code) => {
    const done = await serve(...flags);
    expect([done.report().code, done.stdout]).toEqual([code, '']);
    expect(done.report().fix ?? done.report().message).toMatch(/\S/);
  });

  test('where the port is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => {
      other.listen(0, '127.0.0.1', resolve);
    });
    const { port } = other.address() as { readonly port: number };
    const done = await serve('--open', '--port', String(port));
    expect(done.report().code).toBe('PORT_TAKEN');
    other.close();
  });
});

test('what a router warns of goes to its log, whatever shows its answers', async () => {
  const list = file('seen.yaml', `tokens: [{ token: ${odd}, scopes: ["read:/**"] }]`);
  chmodSync(list, 0o644);
  const router = await serveSignals('--auth-file', list);
  await until('it is told', () => router.log().includes('warning: others may read'));
});

describe('a router that asks for tokens', () => {
  const known = `cpsk_${'1'.repeat(32)}`;
  const old = `cpsk_${'2'.repeat(32)}`;

  test('lets in who is listed, within the scopes', async () => {
    const list = file(
      'tokens.yaml',
      `tokens:
  - { token: ${known}, subject: ann, scopes: ['read:/**', 'write:/stage/**'] }
  - { token: ${old}, scopes: ['admin:/**'], expires: 2020-01-31T12:00:00Z }
`,
    );
    const router = await serveSignals('--auth-file', list);
    const get = (...words: string[]) => router.signal('get', '/stage/a', ...words);
    const refusal = async (...words: string[]) => (await get(...words)).report().code;
    expect(await refusal()).toBe('SIGNAL_UNAUTHENTICATED');
    expect(await refusal('--token', `cpsk_${'3'.repeat(32)}`)).toBe('SIGNAL_UNAUTHENTICATED');
    expect(await refusal('--token', old)).toBe('SIGNAL_TOKEN_EXPIRED');
    await must(router, 'set', '/stage/a', '1', '--token', known);
    expect((await get('--token', `@${file('token', known)}`)).json()).toMatchObject({ value: 1 });
    const url = ['--url', router.url];
    const byEnvironment = ['-o', 'json', 'signal', 'get', '/stage/a', ...url];
    const done = await hansaAlone({ HANSA_SIGNAL_TOKEN: known }, ...byEnvironment);
    expect(done.json()).toMatchObject({ value: 1 });
    const outside = await router.signal('set', '/hall/a', '1', '--token', known);
    expect([outside.code, outside.report().code]).toEqual([4, 'SIGNAL_FORBIDDEN']);
    await expect(router.client()).rejects.toThrow('Authentication required');
    const client = await router.client(known);
    client.set('/hall/b', 1);
    await until('it is told', () => client.getLastError()?.code === 301);
    // No token is in the log.
    expect(router.log()).not.toContain(known);
  });

  test('takes what a trusted key has signed, and nothing forged, expired or outside', async () => {
    const anchors = file('anchors.txt', `# ours\n${toHex(createNodeCrypto().publicKey(seed))}\n`);
    const router = await serveSignals('--trust-anchor', anchors);
    const made = { seed, scopes: ['write:/stage/**'], expiresSeconds: year };
    const good = capToken(made);
    await must(router, 'set', '/stage/a', '1', '--token', good);
    const refusal = async (token: string, address = '/stage/a') =>
      (await router.signal('set', address, '2', '--token', token)).report().code;
    expect(await refusal(good, '/hall/a')).toBe('SIGNAL_FORBIDDEN');
    expect(await refusal(capToken({ ...made, expiresSeconds: 1 }))).toBe('SIGNAL_TOKEN_EXPIRED');
    const strangers = new Uint8Array(32).fill(4);
    expect(await refusal(capToken({ ...made, seed: strangers }))).toBe('SIGNAL_UNAUTHENTICATED');
    const issuer = createNodeCrypto().publicKey(seed);
    const proofs = [{ issuer: [...issuer], scopes: ['admin:/**'], signature: new Uint8Array(64) }];
    const forged = capToken({ ...made, seed: strangers, scopes: ['admin:/**'], proofs });
    expect(await refusal(forged)).toBe('SIGNAL_UNAUTHENTICATED');
    expect((await router.client(good)).connected).toBe(true);
  });
});

test('a key of one’s own signs tokens that a router takes which trusts it', async () => {
  const key = join(temporaryFolder('signal-key'), 'stage.key');
  const made = await hansa('-o', 'json', 'token', 'keygen', '--out', key);
  const { audience } = made.json<{ audience: string }>();
  const router = await serveSignals('--trust-anchor', file('anchors.txt', `${audience}\n`));
  const sign = (scope: string, ...words: string[]) =>
    hansa('-o', 'json', 'signal', 'token', 'sign', '--key', key, '--scope', scope, ...words);
  const { token } = (await sign('write:/stage/**')).json<{ token: string }>();
  await must(router, 'set', '/stage/a', '1', '--token', token);
  const outside = await router.signal('set', '/hall/a', '1', '--token', token);
  expect(outside.report().code).toBe('SIGNAL_FORBIDDEN');
  expect((await sign('sing:/**')).report().code).toBe('CONFIG_INVALID');
});

test('kill -9 loses nothing of what a router with a folder has acknowledged', async () => {
  const folder = temporaryFolder('signal-data');
  const first = await serveSignals('--open', '--rate-limit', '0', '--data', folder);
  for (let i = 1; i <= 10; i += 1) {
    await must(first, 'set', `/kept/${i}`, String(i));
  }
  await first.kill();
  const second = await serveSignals('--open', '--data', folder);
  for (let i = 1; i <= 10; i += 1) {
    expect(await must(second, 'get', `/kept/${i}`)).toMatchObject({ value: i });
  }
});

test('rules say by pattern how writes come together, and which are stored', async () => {
  const rules = file(
    'rules.yaml',
    'rules: [{ pattern: /peak/**, strategy: max }, { pattern: /kept/**, durable: true }]\n',
  );
  const folder = temporaryFolder('signal-rules');
  const router = await serveSignals('--open', '--data', folder, '--rules', rules, '--journal');
  await must(router, 'set', '/peak/a', '5');
  const less = await router.signal('set', '/peak/a', '3');
  expect([less.code, less.report().code]).toEqual([5, 'SIGNAL_CONFLICT']);
  await must(router, 'set', '/peak/a', '7');
  await must(router, 'set', '/kept/a', '1');
  await router.kill();
  const again = await serveSignals('--open', '--data', folder, '--rules', rules);
  expect(await must(again, 'get', '/kept/a')).toMatchObject({ value: 1 });
});

async function certificate(): Promise<{ readonly key: string; readonly cert: string }> {
  const folder = temporaryFolder('signal-tls');
  const [key, cert] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
  const made = await run(
    'openssl',
    words(
      'req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 ' +
        `-subj /CN=localhost -addext subjectAltName=IP:127.0.0.1 -keyout ${key} -out ${cert}`,
    ),
    { cwd: folder },
  );
  expect(made.code).toBe(0);
  return { key, cert };
}

test('with a certificate it speaks wss, to whoever can check it', async () => {
  const { key, cert } = await certificate();
  const router = await serveSignals('--open', '--tls-cert', cert, '--tls-key', key);
  expect(router.url).toMatch(/^wss:/);
  await must(router, 'set', '/a', '1', '--ca', cert);
  const unchecked = await router.signal('get', '/a');
  expect([unchecked.code, unchecked.report().code]).toEqual([6, 'DIAL_FAILED']);
});

test('a leaf checks the certificate of its hub', async () => {
  const { key, cert } = await certificate();
  const shown = words(`--tls-cert ${cert} --tls-key ${key}`);
  const hub = await serveSignals('--open', ...shown, '--features', 'param,federation');
  const leaf = words(`--open --federation-hub ${hub.url} --federation-namespaces /leaf/**`);
  const stranger = await serveSignals(...leaf, '--federation-reconnect-delay', '100ms');
  await until('the hub was not believed', () => stranger.log().includes('signal-link.ended'));
  const checked = await serveSignals(...leaf, '--federation-ca', cert);
  await must(checked, 'set', '/leaf/a', '1');
  await until('the hub has it', async () => {
    const { code, json } = await hub.signal('get', '/leaf/a', '--ca', cert);
    return code === 0 && json<{ value: number }>().value === 1;
  });
  expect(stranger.log()).toContain('self-signed certificate');
});

describe('two routers', () => {
  test('as a mesh see each other’s values', async () => {
    const one = await serveSignals(
      ...words('--open --federation-mode mesh --federation-id one --federation-namespaces /one/**'),
    );
    const two = await serveSignals(
      ...words(`--open --federation-mode mesh --federation-id two --federation-hub ${one.url}`),
      ...words('--federation-namespaces /two/**'),
    );
    await must(one, 'set', '/one/a', '1');
    await must(two, 'set', '/two/a', '2');
    await untilValue(two, '/one/a', 1);
    await untilValue(one, '/two/a', 2);
    const nobody = await one.signal('set', '/three/a', '3');
    expect(nobody.report().code).toBe('SIGNAL_FORBIDDEN');
  });

  test('as hub and leaf are one: set here, seen there, and back; also after the hub was away', async () => {
    const folder = temporaryFolder('signal-hub');
    const hub = await serveSignals('--open', '--features', 'federation', '--data', folder);
    expect(hub.federation).toMatchObject({
      mode: 'hub',
      id: expect.stringMatching(/^[\da-f-]{36}$/),
    });
    const leaf = await serveSignals(
      ...words(`--open --federation-mode leaf --federation-hub ${hub.url}`),
      ...words('--federation-namespaces /bergen/** --federation-id bergen'),
      ...words('--federation-reconnect-delay 100ms'),
    );
    expect(leaf.federation).toMatchObject({ mode: 'leaf', id: 'bergen' });
    await until('the hub hears of the light', async () => {
      await must(leaf, 'set', '/bergen/light', '0.25');
      const { stdout, code } = await hub.signal('get', '/bergen/light');
      return code === 0 ? true : notYet(stdout);
    });
    const client = await leaf.client();
    const seen: Value[] = [];
    client.on('/bergen/light', (value) => void seen.push(value));
    // Its owner takes the write, and the hub says so.
    await must(hub, 'set', '/bergen/light', '0.75');
    await until('the light is seen in bergen', () => seen.includes(0.75));
    await hub.kill();
    await must(leaf, 'set', '/bergen/light', '0.5');
    const again = await serveSignals(
      ...words(`--open --features federation --data ${folder} --port ${hub.port}`),
    );
    expect(again.federation?.id).toBe(hub.federation?.id);
    await untilValue(again, '/bergen/light', 0.5);
  });

  test('of which the leaf has the wrong token stay two, and the leaf says why', async () => {
    const right = `cpsk_${'4'.repeat(32)}`;
    const list = file('hub.yaml', `tokens: [{ token: ${right}, scopes: ['admin:/a/**'] }]\n`);
    const hub = await serveSignals('--auth-file', list, '--features', 'federation');
    const leafWith = (token: string) =>
      serveSignals(
        ...words(`--open --federation-hub ${hub.url} --federation-namespaces /a/**`),
        ...words(`--federation-token ${token}`),
      );
    const wrong = await leafWith(`cpsk_${'5'.repeat(32)}`);
    await until('it has been refused', () => wrong.log().includes('signal-link.failed'));
    expect(wrong.log()).toContain('300');
    const leaf = await leafWith(right);
    await until('the hub has what the leaf says', async () => {
      await must(leaf, 'set', '/a/x', '1');
      return (await hub.signal('get', '/a/x', '--token', right)).code === 0;
    });
  });
});
