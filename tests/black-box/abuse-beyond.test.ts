// The other five of OWASP's ten risks for APIs (2023): sensitive flows, requests that a node is
// made to send, configuration, inventory, and what others answer.
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { PermissionRow } from '@hansa/capabilities/access/contract';
import type { LoggedIn, OneTimeCode } from '@hansa/capabilities/logins/contract';
import type { ErrorReport } from '@hansa/foundation';
import { beforeAll, describe, expect, test } from 'vitest';
import { startCluster, type Answer, type Cluster } from './harness/cluster.ts';
import { linkByHand, makePeer } from './harness/hand-made-peer.ts';
import { must } from './harness/linking.ts';
import {
  askAs,
  codeOf,
  enter,
  listen,
  operations,
  password,
  patiently,
  type Ask,
} from './rooms/asking.ts';

let lubeck: Cluster;
let olaf: LoggedIn;
const as: Ask = (...asked) => askAs(lubeck)(...asked);

beforeAll(async () => {
  lubeck = await startCluster({ name: 'lubeck' });
  await must(lubeck, 'user', 'add', 'olaf');
  olaf = await enter(lubeck, 'olaf');
});

describe('6. unrestricted access to sensitive flows', () => {
  test('a one-time code lets in once, and an invitation for one user no other', async () => {
    await must(lubeck, 'user', 'add', 'ida');
    const { body } = await lubeck.api<OneTimeCode>('POST', '/logins/users/ida/invite', {});
    const login = (user?: string): Promise<Answer<LoggedIn>> =>
      patiently(() => as(undefined, ['POST', '/login/code'], { code: body.code, password, user }));
    expect((await login('anna')).status).toBeGreaterThanOrEqual(400);
    expect((await login()).status).toBe(200);
    expect((await login()).status).toBeGreaterThanOrEqual(400);
  });
});

describe('7. server side request forgery', () => {
  test('an issuer that sends elsewhere is not followed, and what is there is not told', async () => {
    const inside = await listen((_request, response) => response.end('{"secret":"of-the-inside"}'));
    const issuer = await listen((_request, response) => {
      response.writeHead(302, { location: `${inside.url}/latest/meta-data` }).end();
    });
    await lubeck.api('PUT', '/logins/providers/elsewhere', { issuer: issuer.url, client: 'hansa' });
    const answer = await patiently(() =>
      as<ErrorReport>(undefined, ['POST', '/login/oidc'], { provider: 'elsewhere', port: 9 }),
    );
    expect(answer.body.code).toBe('PROVIDER_FAILED');
    expect(answer.text).not.toContain('of-the-inside');
    expect(issuer.paths.length).toBeGreaterThan(0);
    expect(inside.paths).toEqual([]);
  });

  test('nobody but who may configure names an address, and none of another kind than the web’s', async () => {
    for (const issuer of ['file:///etc/passwd', 'gopher://127.0.0.1:1', 'unix:/run/x.sock', 'x']) {
      const put = lubeck.api('PUT', '/logins/providers/odd', { issuer, client: 'hansa' });
      expect(await codeOf(put)).toBe('INPUT_INVALID');
    }
    const asked = { provider: 'http://127.0.0.1:1', port: 9 };
    const named = await patiently(() => as<ErrorReport>(undefined, ['POST', '/login/oidc'], asked));
    expect(['INPUT_INVALID', 'PROVIDER_NOT_FOUND']).toContain(named.body.code);
  });

  test('a file that a caller names is never told, whatever it holds', async () => {
    const keyFile = join(lubeck.data, 'owner.token');
    const asked = await patiently(() => lubeck.api('POST', '/sealing/rewrap', { keyFile }));
    expect(asked.status).toBe(409);
    expect(asked.text).not.toContain(lubeck.token());
  });
});

describe('8. security misconfiguration', () => {
  test('by default it listens on this machine alone, and its files are for their owner', async () => {
    expect(new URL(lubeck.url).hostname).toBe('127.0.0.1');
    const open = readdirSync(lubeck.data, { recursive: true, withFileTypes: true })
      .filter((each) => each.isFile())
      .map((each) => join(each.parentPath, each.name))
      .filter((path) => /(?:token|key|json)$/.test(path) && (statSync(path).mode & 0o077) !== 0);
    expect(open).toEqual([]);
    expect(statSync(join(lubeck.data, 'keys')).mode & 0o077).toBe(0);
  });

  test('errors tell no stack, path or version, pages of others get nothing, and nothing is cached', async () => {
    const answers = await Promise.all([
      fetch(`${lubeck.url}/%E0%A4%A`),
      fetch(`${lubeck.url}/nowhere`),
      fetch(`${lubeck.url}/login`, { method: 'POST', body: '{' }),
      fetch(`${lubeck.url}/status`, {
        method: 'OPTIONS',
        headers: { origin: 'http://evil.example' },
      }),
    ]);
    for (const answer of answers) {
      const text = await answer.text();
      expect(text).not.toMatch(/node_modules|\.ts:\d|\.js:\d|at Object\.|fastify/i);
      expect(answer.headers.get('cache-control')).toBe('no-store');
      expect(answer.headers.get('x-content-type-options')).toBe('nosniff');
      expect(answer.headers.get('access-control-allow-origin')).toBeNull();
      expect(answer.headers.get('server')).toBeNull();
    }
  });
});

describe('9. improper inventory management', () => {
  test('/openapi.json takes a credential, and lists exactly what is served', async () => {
    expect((await as(undefined, ['GET', '/openapi.json'])).status).toBe(401);
    const listed = new Set((await operations(lubeck)).map(({ permission }) => permission));
    const { body } = await lubeck.api<{ permissions: readonly PermissionRow[] }>(
      'GET',
      '/access/permissions',
    );
    // Permissions of tables are all that a caller can be given; each has an operation, and back.
    const unruled = new Set(['open', 'peer', 'self']);
    expect([...listed].filter((each) => !unruled.has(each)).toSorted()).toEqual(
      body.permissions.map(({ permission }) => permission).toSorted(),
    );
    const unserved: string[] = [];
    // Whoever has left is nobody, whatever they ask: those are asked last.
    const leave = new Set(['POST /logout', 'DELETE /session']);
    const leaving = ({ method, path }: { method: string; path: string }): number =>
      leave.has(`${method} ${path}`) ? 1 : 0;
    const all = await operations(lubeck);
    for (const { method, path } of all.toSorted((a, b) => leaving(a) - leaving(b))) {
      const answer = await patiently(() =>
        as<ErrorReport>(olaf.session, [method, path], method === 'GET' ? undefined : {}),
      );
      if (answer.body?.code === 'METHOD_UNKNOWN') {
        unserved.push(`${method} ${path}`);
      }
    }
    expect(unserved).toEqual([]);
  }, 60_000);

  test('nothing is served beside it: no debug, no admin, no older API', async () => {
    for (const path of [
      '/admin',
      '/debug',
      '/v0/status',
      '/api/v1',
      '/.env',
      '/metrics/',
      '/git',
    ]) {
      const answer = await patiently(() => lubeck.api<ErrorReport>('GET', path));
      expect([path, answer.body.code]).toEqual([path, 'METHOD_UNKNOWN']);
    }
  });
});

describe('10. unsafe consumption of APIs', () => {
  test('what a provider answers is bounded and checked: garbage, other issuers and floods fail alike', async () => {
    const floods = 64 * 1_024;
    const bodies: readonly ((url: string) => string)[] = [
      () => 'not json',
      () => '{"issuer":"https://other.example"}',
      (url) => JSON.stringify({ issuer: url, authorization_endpoint: 'javascript:alert(1)' }),
      (url) => JSON.stringify({ issuer: url, padding: 'x'.repeat(floods) }),
    ];
    for (const [at, bodyOf] of bodies.entries()) {
      const issuer = await listen((_request, response) => {
        response.setHeader('content-type', 'application/json');
        response.end(bodyOf(issuer.url));
      });
      const provider = `liar-${at}`;
      await lubeck.api('PUT', `/logins/providers/${provider}`, {
        issuer: issuer.url,
        client: 'hansa',
      });
      const answer = await patiently(() =>
        as<ErrorReport>(undefined, ['POST', '/login/oidc'], { provider, port: 9 }),
      );
      const refused = ['PROVIDER_FAILED', 'LOGIN_REFUSED'].includes(answer.body.code);
      expect([at, answer.text, refused]).toEqual([at, answer.text, true]);
    }
  });

  test('a peer that answers outside every contract is an error of its link, and of nothing else', async () => {
    await linkByHand(await makePeer('riga'), lubeck, { mine: true });
    const answer = await patiently(() => lubeck.api<ErrorReport>('GET', '/catalog?peer=riga'));
    expect(answer.status).not.toBe(500);
    expect((await patiently(() => lubeck.api('GET', '/status'))).status).toBe(200);
  });
});
