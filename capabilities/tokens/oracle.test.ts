// Tokens held against another library: what it makes and verifies, and what it makes wrongly.
import { toBase64Url, utf8, type Caller, type Principal } from '@hansa/foundation';
import {
  createLocalJWKSet,
  generateKeyPair,
  importJWK,
  jwtVerify,
  SignJWT,
  UnsecuredJWT,
  type CryptoKey,
  type JWTPayload,
} from 'jose';
import { describe, expect, test } from 'vitest';
import { hashByHand, keyByHand } from '../../testkit/by-hand.ts';
import { clusterOf, settled } from '../../testkit/test-cluster.ts';
import { refused } from '../../testkit/test-tokens.ts';
import {
  bergen,
  crypto,
  lubeck,
  riga,
  tokenFederation,
  type TokenFederation,
} from '../../testkit/token-clusters.ts';

const caller: Caller = {
  kind: 'principal',
  principal: 'user:anna' as Principal,
  proof: 'session:1',
  expiresMs: 2_000_000_000_000,
};
const jti = 'j'.repeat(22);

function seedOfByte(byte: number): string {
  return byte.toString(16).padStart(2, '0').repeat(32);
}

async function keyOfByte(byte: number): Promise<CryptoKey> {
  const seed = seedOfByte(byte);
  const x = Buffer.from(keyByHand(seed), 'hex').toString('base64url');
  const d = Buffer.from(seed, 'hex').toString('base64url');
  return importJWK({ kty: 'OKP', crv: 'Ed25519', x, d }, 'EdDSA');
}

interface Making {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly alg?: string;
  readonly kid?: string;
  readonly key?: CryptoKey | Uint8Array;
}

/** As lubeck would issue it for anna at bergen, but for what is given. */
async function sign(nowMs: number, given: Making = {}): Promise<string> {
  const now = Math.floor(nowMs / 1_000);
  const claims = {
    iss: `cluster:${lubeck}`,
    sub: 'user:anna',
    aud: [`cluster:${bergen}`],
    nbf: now,
    iat: now,
    exp: now + 600,
    jti,
    caps: ['api:*'],
    depth: 0,
    del: false,
    prf: [],
    ...given.claims,
  };
  const { alg = 'EdDSA', kid = `cluster:${lubeck}#0`, key = await keyOfByte(1) } = given;
  return new SignJWT(claims).setProtectedHeader({ alg, typ: 'hansa-cap+jwt', kid }).sign(key);
}

function enter({ bergen: here }: TokenFederation, token: string): string | undefined {
  return here.authority.authenticate({ token }).principal;
}

describe('another library', () => {
  test('verifies a token of ours with the keys that its cluster shows', async () => {
    const made = await tokenFederation();
    const { token } = await made.lubeck.tokens.issueOwn({ at: ['bergen', 'riga'] }, { caller });
    const { keys } = await made.lubeck.tokens.keys({});
    const keySet = createLocalJWKSet({ keys: keys.map((one) => ({ ...one })) });
    const asked = {
      issuer: `cluster:${lubeck}`,
      audience: `cluster:${riga}`,
      typ: 'hansa-cap+jwt',
      currentDate: new Date(made.clock.now()),
    };
    const { payload, protectedHeader } = await jwtVerify(token, keySet, asked);
    expect(payload.sub).toBe('user:anna');
    expect(protectedHeader.kid).toBe(keys[0]?.kid);
    await expect(
      jwtVerify(token, keySet, { ...asked, audience: 'cluster:0' }),
    ).rejects.toMatchObject({ code: 'ERR_JWT_CLAIM_VALIDATION_FAILED' });
  });

  test('makes tokens that are taken, give or take a minute', async () => {
    const made = await tokenFederation();
    const nowMs = made.clock.now();
    const late = { claims: { exp: nowMs / 1_000 - 59, nbf: nowMs / 1_000 - 600 } };
    const early = { claims: { nbf: nowMs / 1_000 + 60, iat: nowMs / 1_000 + 60 } };
    for (const given of [{}, late, early]) {
      expect(enter(made, await sign(nowMs, given))).toBe(`user:anna@${lubeck}`);
    }
  });
});

describe('a token made wrongly is refused', () => {
  const at = (seconds: number, made: TokenFederation): number =>
    Math.floor(made.clock.now() / 1_000) + seconds;

  test.each<[string, string, (made: TokenFederation) => Making | Promise<Making>]>([
    [
      'with a shared secret in place of the key',
      'TOKEN_ALGORITHM',
      () => ({ alg: 'HS256', key: utf8(keyByHand(seedOfByte(1))) }),
    ],
    [
      'on another curve',
      'TOKEN_ALGORITHM',
      async () => ({ alg: 'ES256', key: (await generateKeyPair('ES256')).privateKey }),
    ],
    ['with the wrong key', 'TOKEN_FORGED', async () => ({ key: await keyOfByte(9) })],
    ['with a key that nobody knows', 'TOKEN_KEY_UNKNOWN', () => ({ kid: `cluster:${lubeck}#7` })],
    [
      'by a cluster that is not linked',
      'TOKEN_ISSUER',
      async () => {
        const iss = `cluster:${clusterOf(crypto, 9)}`;
        return { key: await keyOfByte(9), kid: `${iss}#0`, claims: { iss } };
      },
    ],
    [
      'by one cluster in another’s name',
      'TOKEN_MALFORMED',
      async () => ({ key: await keyOfByte(21), kid: `cluster:${riga}#0` }),
    ],
    [
      'for another cluster',
      'TOKEN_WRONG_AUDIENCE',
      () => ({ claims: { aud: [`cluster:${riga}`] } }),
    ],
    [
      'for somebody at no cluster',
      'TOKEN_MALFORMED',
      async () => ({ claims: { aud: [`key:${keyByHand(seedOfByte(5))}`] } }),
    ],
    ['for nobody', 'TOKEN_SUBJECT', () => ({ claims: { sub: undefined } })],
    ['for somebody without a name', 'TOKEN_SUBJECT', () => ({ claims: { sub: '' } })],
    [
      'for somebody of a third cluster',
      'TOKEN_MALFORMED',
      () => ({ claims: { sub: `user:anna@${riga}` } }),
    ],
    ['for somebody who is unknown', 'CALLER_UNKNOWN', () => ({ claims: { sub: 'user:eve' } })],
    [
      'that ran out over a minute ago',
      'TOKEN_EXPIRED',
      (made) => ({ claims: { exp: at(-61, made), nbf: at(-600, made), iat: at(-600, made) } }),
    ],
    [
      'that begins in over a minute',
      'TOKEN_NOT_YET',
      (made) => ({ claims: { nbf: at(61, made) } }),
    ],
    [
      'that was made in over a minute',
      'TOKEN_NOT_YET',
      (made) => ({ claims: { iat: at(61, made) } }),
    ],
  ])('%s: %s', async (_, code, given) => {
    const made = await tokenFederation();
    const token = await sign(made.clock.now(), await given(made));
    expect(() => enter(made, token)).toThrow(refused(code));
  });

  test('with no signature at all: TOKEN_ALGORITHM', async () => {
    const made = await tokenFederation();
    const unsecured = new UnsecuredJWT({ sub: 'user:anna', aud: [`cluster:${bergen}`] });
    expect(() => enter(made, unsecured.encode())).toThrow(refused('TOKEN_ALGORITHM'));
    const token = await sign(made.clock.now());
    const none = toBase64Url(
      utf8(`{"alg":"none","typ":"hansa-cap+jwt","kid":"cluster:${lubeck}#0"}`),
    );
    const [, body = '', signature = ''] = token.split('.');
    for (const end of ['', signature]) {
      expect(() => enter(made, `${none}.${body}.${end}`)).toThrow(refused('TOKEN_ALGORITHM'));
    }
  });

  test('widened by the holder of its key: TOKEN_WIDENED', async () => {
    const made = await tokenFederation();
    const holder = `key:${keyByHand(seedOfByte(5))}`;
    const aud = [`cluster:${bergen}`, holder];
    const claims = { aud, caps: ['api:kv.read'], del: true };
    const parent = await sign(made.clock.now(), { claims });
    const hash = Buffer.from(hashByHand(Buffer.from(parent).toString('hex')), 'hex');
    const child = async (given: JWTPayload): Promise<string> => {
      const descent = {
        iss: holder,
        depth: 1,
        prf: [hash.toString('base64url')],
        jti: 'k'.repeat(22),
      };
      const own = await sign(made.clock.now(), {
        key: await keyOfByte(5),
        kid: `${holder}#0`,
        claims: { ...descent, aud: ['bearer'], caps: ['api:kv.read'], ...given },
      });
      return `${own}~${parent}`;
    };
    expect(enter(made, await child({}))).toBe(`user:anna@${lubeck}`);
    for (const wide of [
      { caps: ['api:*'] },
      { aud: [`cluster:${riga}`] },
      { sub: 'user:bob' },
      { exp: Math.floor(made.clock.now() / 1_000) + 601 },
    ]) {
      const token = await child(wide);
      expect(() => enter(made, token)).toThrow(refused('TOKEN_WIDENED'));
    }
  });

  test('revoked by its cluster: TOKEN_REVOKED', async () => {
    const made = await tokenFederation();
    const token = await sign(made.clock.now());
    await made.lubeck.tokens.revoke({ jti });
    await settled(async () => (await made.bergen.tokens.check({ token })).usable === false);
    expect(() => enter(made, token)).toThrow(refused('TOKEN_REVOKED'));
  });

  test('with a proof that was used: TOKEN_REPLAYED', async () => {
    const made = await tokenFederation();
    const holder = `key:${keyByHand(seedOfByte(5))}`;
    const aud = [`cluster:${bergen}`, holder];
    const token = await sign(made.clock.now(), { claims: { aud } });
    const hash = Buffer.from(hashByHand(Buffer.from(token).toString('hex')), 'hex');
    const proof = await new SignJWT({
      htm: 'GET',
      htu: '/links',
      ath: hash.toString('base64url'),
      iat: Math.floor(made.clock.now() / 1_000),
      jti: 'p'.repeat(22),
    })
      .setProtectedHeader({ alg: 'EdDSA', typ: 'hansa-proof+jwt', kid: `${holder}#0` })
      .sign(await keyOfByte(5));
    const possession = { proof, method: 'GET', path: '/links' };
    const { authority } = made.bergen;
    expect(authority.authenticate({ token, possession })).toMatchObject({ holder });
    expect(() => authority.authenticate({ token, possession })).toThrow(refused('TOKEN_REPLAYED'));
  });
});
