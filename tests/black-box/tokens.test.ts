// Capability tokens over real processes: what they open over HTTP and over a link, how they are
// narrowed with no node in reach, and that each way of cheating has its own refusal.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CatalogItem } from '@hansa/capabilities/catalog/contract';
import type {
  IssuedRow,
  IssuedToken,
  ReceivedRow,
  Revocation,
  TokenReport,
} from '@hansa/capabilities/tokens/contract';
import type { ErrorReport } from '@hansa/foundation';
import { blake3 } from '@noble/hashes/blake3.js';
import { importJWK, SignJWT, type JWTPayload } from 'jose';
import { beforeAll, describe, expect, test } from 'vitest';
import { keyByHand } from '../../testkit/by-hand.ts';
import { callApi, startCluster, type Answer, type Cluster } from './harness/cluster.ts';
import { linkClusters, must } from './harness/linking.ts';
import { publish, showMirror, untilState } from './harness/mirroring.ts';
import { temporaryFolder } from './harness/place.ts';
import { until } from './harness/until.ts';

let lubeck: Cluster;
let bergen: Cluster;
let riga: Cluster;

beforeAll(async () => {
  [lubeck, bergen, riga] = await Promise.all([
    startCluster({ name: 'lubeck', flags: ['--sync-interval', '2'] }),
    startCluster({ name: 'bergen', flags: ['--sync-interval', '2'] }),
    startCluster({ name: 'riga', flags: ['--sync-interval', '2'] }),
  ]);
});

function issue(cluster: Cluster, ...options: string[]): Promise<IssuedToken> {
  return must<IssuedToken>(cluster, 'token', 'issue', ...options);
}

/** As somebody who has that token and no other. */
function ask<T>(
  token: string,
  path: string,
  given: { readonly method?: string; readonly body?: unknown; readonly proof?: string } = {},
): Promise<Answer<T>> {
  const { method = 'GET', body, proof } = given;
  if (proof === undefined) {
    return callApi<T>({ url: lubeck.url, token, method, path, body });
  }
  const headers = { authorization: `Bearer ${token}`, 'hansa-proof': proof };
  return fetch(`${lubeck.url}${path}`, { method, headers }).then(async (response) => {
    const text = await response.text();
    return { status: response.status, text, body: JSON.parse(text) as T };
  });
}

async function refusal(token: string, path = '/links', proof?: string): Promise<string> {
  const { status, body } = await ask<ErrorReport>(
    token,
    path,
    proof === undefined ? {} : { proof },
  );
  expect(status).toBeGreaterThanOrEqual(400);
  return body.code;
}

interface Key {
  readonly file: string;
  readonly seed: string;
  readonly principal: string;
}

async function keygen(name: string): Promise<Key> {
  const file = join(temporaryFolder(name), `${name}.key`);
  const { audience } = await must<{ audience: string }>(lubeck, 'token', 'keygen', '--out', file);
  return { file, seed: readFileSync(file, 'utf8').trim(), principal: audience };
}

async function prove(key: Key, token: string, path = '/links'): Promise<string> {
  const words = ['--token', token, '--key', key.file, '--path', path];
  return (await must<{ proof: string }>(lubeck, 'token', 'prove', ...words)).proof;
}

/** Signed by somebody who has the key and none of our checks. */
async function sign(
  seed: string,
  issuer: string,
  claims: JWTPayload,
  header: { readonly alg?: string; readonly crit?: string[] } = {},
): Promise<string> {
  const x = Buffer.from(keyByHand(seed), 'hex').toString('base64url');
  const d = Buffer.from(seed, 'hex').toString('base64url');
  const key = await importJWK({ kty: 'OKP', crv: 'Ed25519', x, d }, 'EdDSA');
  const now = Math.floor(Date.now() / 1_000);
  const base = { sub: 'x', nbf: now, iat: now, exp: now + 300, jti: 'j'.repeat(22), del: false };
  return new SignJWT({ iss: issuer, depth: 0, prf: [], ...base, ...claims })
    .setProtectedHeader({ alg: 'EdDSA', typ: 'hansa-cap+jwt', kid: `${issuer}#0`, ...header })
    .sign(key);
}

function hashOf(text: string): string {
  return Buffer.from(blake3(Buffer.from(text))).toString('base64url');
}

/** lubeck's own key: for tokens that it would issue at another time than now. */
async function signAsLubeck(claims: JWTPayload): Promise<string> {
  const seed = readFileSync(join(lubeck.data, 'keys', 'cluster.key'), 'utf8').trim();
  return sign(seed, `cluster:${keyByHand(seed)}`, { aud: ['bearer'], caps: ['api:*'], ...claims });
}

describe('over HTTP', () => {
  test('a bearer’s token opens what it says, and nothing more', async () => {
    const { token, jti } = await issue(lubeck, '--audience', 'bearer', '--cap', 'api:links.read');
    expect((await ask(token, '/links')).status).toBe(200);
    const rule = { effect: 'allow', resources: {}, peers: { public: true }, verbs: ['see'] };
    const refused = await ask<ErrorReport>(token, '/rules', { method: 'POST', body: rule });
    expect([refused.status, refused.body.code]).toEqual([403, 'TOKEN_SCOPE']);
    expect(await refusal(token, '/tokens')).toBe('TOKEN_SCOPE');
    const { tokens } = await must<{ tokens: IssuedRow[] }>(lubeck, 'token', 'list');
    expect(tokens.find((row) => row.jti === jti)).toMatchObject({ caps: ['api:links.read'] });
    expect(JSON.stringify(tokens)).not.toContain(token);
  });

  test('a revoked token is refused at the next request, and what it streams ends', async () => {
    const { token, jti } = await issue(lubeck, '--audience', 'bearer', '--cap', 'api:links.*');
    const headers = { authorization: `Bearer ${token}` };
    const stream = await fetch(`${lubeck.url}/links/changes`, { headers });
    expect(stream.status).toBe(200);
    const rest = stream.text();
    await must<Revocation>(lubeck, 'token', 'revoke', jti, '--yes');
    expect(await refusal(token)).toBe('TOKEN_REVOKED');
    expect((await rest).trim().split('\n').at(-1)).toContain('TOKEN_REVOKED');
    await lubeck.restart();
    expect(await refusal(token)).toBe('TOKEN_REVOKED');
    const known = await must<{ revocations: Revocation[] }>(lubeck, 'token', 'revocations');
    expect(known.revocations).toMatchObject([{ jti }]);
  });

  test('a token for a key needs a fresh proof of that key, for that request alone', async () => {
    const ada = await keygen('ada');
    const eve = await keygen('eve');
    const to = ['--audience', ada.principal, '--cap', 'api:links.read'];
    const { token } = await issue(lubeck, ...to);
    expect(await refusal(token)).toBe('TOKEN_WRONG_AUDIENCE');
    const proof = await prove(ada, token);
    expect((await ask(token, '/links', { proof })).status).toBe(200);
    expect(await refusal(token, '/links', proof)).toBe('TOKEN_REPLAYED');
    expect(await refusal(token, '/links', await prove(ada, token, '/rules'))).toBe(
      'TOKEN_REPLAYED',
    );
    expect(await refusal(token, '/links', await prove(eve, token))).toBe('TOKEN_WRONG_AUDIENCE');
  });

  test('a holder narrows a token with no node in reach', async () => {
    const ada = await keygen('ada');
    const to = ['--audience', ada.principal, '--delegable'];
    const { token } = await issue(lubeck, ...to, '--cap', 'api:*.read', '--ttl', '10m');
    await lubeck.stop();
    const attenuate = (...words: string[]) =>
      lubeck.hansa('token', 'attenuate', '--token', token, '--key', ada.file, ...words);
    const made = await attenuate('--cap', 'api:links.read', '--audience', 'bearer');
    const child = made.json<IssuedToken>();
    const wide = await attenuate('--cap', 'api:*', '--audience', 'bearer');
    expect([wide.code, wide.report().code]).toEqual([4, 'TOKEN_WIDENED']);
    const long = ['--cap', 'api:links.read', '--audience', 'bearer', '--expires', '2h'];
    expect((await attenuate(...long)).report().code).toBe('TOKEN_WIDENED');
    const report = await must<TokenReport>(lubeck, 'token', 'inspect', child.token);
    expect(report).toMatchObject({ usable: true });
    expect(report.chain.map(({ depth }) => depth)).toEqual([1, 0]);
    await lubeck.restart();
    expect((await ask(child.token, '/links')).status).toBe(200);
    expect(await refusal(child.token, '/rules')).toBe('TOKEN_SCOPE');
    await must(lubeck, 'token', 'revoke', report.chain[1]?.jti ?? '', '--yes');
    expect(await refusal(child.token)).toBe('TOKEN_REVOKED');
  });

  test('each way of cheating is refused with a code of its own', async () => {
    const ada = await keygen('ada');
    const to = ['--audience', ada.principal, '--delegable', '--cap', 'api:links.read'];
    const own = await issue(lubeck, ...to);
    const parent = { prf: [hashOf(own.token)], depth: 1, aud: ['bearer'] };
    const widened = await sign(ada.seed, ada.principal, { ...parent, caps: ['api:*'] });
    const eve = await keygen('eve');
    const stolen = await sign(eve.seed, eve.principal, { ...parent, caps: ['api:links.read'] });
    const [head = '', body = ''] = own.token.split('.');
    const none = Buffer.from('{"alg":"none","typ":"hansa-cap+jwt"}').toString('base64url');
    const now = Math.floor(Date.now() / 1_000);
    const seen = {
      widened: await refusal(`${widened}~${own.token}`),
      stolen: await refusal(`${stolen}~${own.token}`),
      orphan: await refusal(widened),
      unsigned: await refusal(`${none}.${body}.`),
      resigned: await refusal(`${head}.${body}.${'A'.repeat(86)}`),
      ownRoot: await refusal(
        await sign(eve.seed, eve.principal, { aud: ['bearer'], caps: ['api:*'] }),
      ),
      expired: await refusal(
        await signAsLubeck({ iat: now - 600, nbf: now - 600, exp: now - 300 }),
      ),
      early: await refusal(await signAsLubeck({ nbf: now + 240 })),
    };
    expect(seen).toEqual({
      widened: 'TOKEN_WIDENED',
      stolen: 'TOKEN_WRONG_AUDIENCE',
      orphan: 'TOKEN_MALFORMED',
      unsigned: 'TOKEN_ALGORITHM',
      resigned: 'TOKEN_FORGED',
      ownRoot: 'TOKEN_ISSUER',
      expired: 'TOKEN_EXPIRED',
      early: 'TOKEN_NOT_YET',
    });
    // Five of these could be guesses: half of what a source may make in a minute.
    expect(await refusal(await signAsLubeck({ depth: 9, prf: ['a'.repeat(43)] }))).toBe(
      'TOKEN_TOO_DEEP',
    );
    expect(await refusal(`a.${'b'.repeat(9_000)}.c`)).toBe('TOKEN_TOO_LARGE');
    expect(lubeck.log()).not.toContain(own.token);
  });

  test('who may issue gives no more than it has', async () => {
    const caps = ['--cap', 'api:tokens.write', 'api:links.read'];
    const { token } = await issue(lubeck, '--audience', 'bearer', ...caps);
    const more = (given: string[]) =>
      ask<ErrorReport & IssuedToken>(token, '/tokens', {
        method: 'POST',
        body: { audience: ['bearer'], caps: given },
      });
    expect((await more(['api:*'])).body.code).toBe('TOKEN_WIDENED');
    expect((await more(['see:*:**'])).body.code).toBe('TOKEN_WIDENED');
    const made = await more(['api:links.read']);
    expect((await ask(made.body.token, '/links')).status).toBe(200);
  });
});

describe('over a link', () => {
  beforeAll(async () => {
    await publish(lubeck, 'alpha-one');
    await publish(lubeck, 'beta-two');
    await linkClusters(lubeck, bergen);
    await linkClusters(lubeck, riga);
    await must(lubeck, 'share', 'add', '**', '--to', 'token');
  });

  async function seenBy(cluster: Cluster): Promise<string[]> {
    const words = ['catalog', 'list', '--peer', 'lubeck'];
    const { items } = await must<{ items: CatalogItem[] }>(cluster, ...words);
    return items.map(({ name }) => name);
  }

  test('a token opens what a rule for token holders and its own scopes both allow', async () => {
    expect(await seenBy(bergen)).toEqual([]);
    const caps = ['--cap', 'see:git:alpha-*', 'pull:git:alpha-*'];
    const { token, jti } = await issue(lubeck, '--audience', 'bergen', ...caps);
    await must<ReceivedRow>(bergen, 'token', 'add', token);
    await until('bergen’s token is taken', async () => {
      const { tokens } = await must<{ tokens: ReceivedRow[] }>(bergen, 'token', 'received');
      return tokens.some((row) => row.taken === true) ? true : undefined;
    });
    expect(await seenBy(bergen)).toEqual(['alpha-one']);
    const stolen = await riga.hansa('token', 'add', token);
    expect(stolen.report().code).toBe('TOKEN_WRONG_AUDIENCE');
    expect(await seenBy(riga)).toEqual([]);

    await must(bergen, 'mirror', 'add', 'lubeck:alpha-one');
    await untilState(bergen, 'lubeck:alpha-one', { state: 'current' });
    const absent = await bergen.hansa('mirror', 'add', 'lubeck:beta-two');
    expect(absent.report().code).toBe('RESOURCE_NOT_FOUND');

    await bergen.restart();
    await until('bergen shows its token again', async () =>
      (await seenBy(bergen).catch(() => [])).length === 1 ? true : undefined,
    );
    await must(lubeck, 'token', 'revoke', jti, '--yes');
    expect(await seenBy(bergen)).toEqual([]);
    await until('the mirror is refused', async () => {
      const { state } = await showMirror(bergen, 'lubeck:alpha-one');
      return state === 'current' ? undefined : true;
    });
  });
});
