import { fromBase64Url, fromUtf8, parseScope, toBase64Url, utf8 } from '@hansa/foundation';
import fc from 'fast-check';
import { compactVerify, importJWK, SignJWT, type CryptoKey } from 'jose';
import { describe, expect, test } from 'vitest';
import { clusterOf, seedOf } from '../../testkit/test-cluster.ts';
import {
  child,
  cluster,
  crypto,
  forgeRoot,
  holder,
  issuer,
  judging,
  keyOf,
  nowMs,
  refused,
  root,
  signing,
  wish,
} from '../../testkit/test-tokens.ts';
import { readChain, verifyChain } from './chain.ts';
import { tokenBytesMax, tokenSkewMs } from './contract.ts';
import { mintToken } from './making.ts';

/** The same parts with another header or payload under the old signature. */
function withPart(text: string, at: 0 | 1, json: string): string {
  const parts = text.split('.');
  parts[at] = toBase64Url(utf8(json));
  return parts.join('.');
}

function partOf(text: string, at: 0 | 1): string {
  return fromUtf8(fromBase64Url(text.split('.')[at] ?? ''));
}

async function joseKey(byte: number, secret: boolean): Promise<CryptoKey> {
  const encode = (bytes: Uint8Array): string => toBase64Url(bytes);
  const key = await importJWK(
    {
      kty: 'OKP',
      crv: 'Ed25519',
      x: encode(crypto.publicKey(seedOf(byte))),
      ...(secret ? { d: encode(seedOf(byte)) } : {}),
    },
    'EdDSA',
  );
  return key;
}

describe('a token', () => {
  test('says what it was made to say, to whoever verifies it', () => {
    const token = verifyChain(root.text, judging());
    expect(token).toMatchObject({
      root: cluster,
      issuer: `cluster:${cluster}`,
      subject: 'ada',
      audience: [keyOf(2)],
      caps: ['pull:git:team-a/*', 'api:kv.*'],
      depth: 0,
      delegable: true,
      ids: [root.jti],
      endsMs: nowMs + 3_600_000 + tokenSkewMs,
    });
    expect(token.grants('pull:git:team-a/one')).toBe(true);
    expect(token.grants('pull:git:team-b/one')).toBe(false);
  });

  test('is a JWS that another library verifies, each token of a chain by itself', async () => {
    const [own = '', parent = ''] = child.text.split('~');
    const { protectedHeader } = await compactVerify(own, await joseKey(2, false));
    expect(protectedHeader).toEqual({ alg: 'EdDSA', typ: 'hansa-cap+jwt', kid: `${keyOf(2)}#0` });
    await expect(compactVerify(parent, await joseKey(1, false))).resolves.toBeDefined();
    await expect(compactVerify(own, await joseKey(1, false))).rejects.toThrow(/signature/);
  });

  test('that another library signed is taken', async () => {
    const text = await new SignJWT({ caps: ['api:*'], depth: 0, del: true, prf: [] })
      .setProtectedHeader({ alg: 'EdDSA', typ: 'hansa-cap+jwt', kid: `cluster:${cluster}#0` })
      .setIssuer(`cluster:${cluster}`)
      .setSubject('ada')
      .setAudience([keyOf(2)])
      .setJti('j'.repeat(22))
      .setIssuedAt(nowMs / 1_000)
      .setNotBefore(nowMs / 1_000)
      .setExpirationTime(nowMs / 1_000 + 60)
      .sign(await joseKey(1, true));
    expect(verifyChain(text, judging()).caps).toEqual(['api:*']);
  });

  test.each([
    ['a moment before it ends, with a minute for clocks', 3_600_000 + tokenSkewMs - 1, undefined],
    ['when it has ended a minute ago', 3_600_000 + tokenSkewMs, 'TOKEN_EXPIRED'],
    ['a minute before it begins', -tokenSkewMs, undefined],
    ['more than a minute before it begins', -tokenSkewMs - 1, 'TOKEN_NOT_YET'],
  ])('%s: %s', (_, laterMs, code) => {
    const verify = () => verifyChain(root.text, judging({ nowMs: nowMs + laterMs }));
    if (code === undefined) {
      expect(verify().jti).toBe(root.jti);
    } else {
      expect(verify).toThrow(refused(code));
    }
  });

  test('that was revoked, or descends from one, is TOKEN_REVOKED', () => {
    for (const jti of [root.jti, child.jti]) {
      const isRevoked = (id: string): boolean => id === jti;
      expect(() => verifyChain(child.text, judging({ isRevoked }))).toThrow(
        refused('TOKEN_REVOKED'),
      );
    }
    const isRevoked = (id: string): boolean => id === child.jti;
    expect(verifyChain(root.text, judging({ isRevoked })).jti).toBe(root.jti);
  });

  test.each([
    [
      'of another cluster',
      'TOKEN_ISSUER',
      { ...issuer, signing: signing(9, `cluster:${clusterOf(crypto, 9)}`) },
    ],
    ['of a key and no cluster', 'TOKEN_ISSUER', holder(2)],
    [
      'in the name of the cluster by another key',
      'TOKEN_FORGED',
      { ...issuer, signing: signing(9, issuer.signing.issuer) },
    ],
  ])('%s is %s', (_, code, by) => {
    expect(() => verifyChain(mintToken(by, wish()).text, judging())).toThrow(refused(code));
  });

  test('of a cluster that is honoured counts as far as that reaches', () => {
    const other = clusterOf(crypto, 9);
    const by = { ...issuer, signing: signing(9, `cluster:${other}`) };
    const ceiling = (id: string) => (id === other ? [parseScope('app:*')] : 'all');
    const narrow = mintToken(by, wish({ caps: ['app:ledger'] })).text;
    expect(verifyChain(narrow, judging({ ceiling })).root).toBe(other);
    const wide = mintToken(by, wish({ caps: ['app:ledger', 'api:*'] })).text;
    expect(() => verifyChain(wide, judging({ ceiling }))).toThrow(refused('TOKEN_WIDENED'));
  });

  test.each([
    ['none', '{"alg":"none","typ":"hansa-cap+jwt"}'],
    ['NONE', `{"alg":"NONE","typ":"hansa-cap+jwt","kid":"cluster:${cluster}#0"}`],
    ['HS256', `{"alg":"HS256","typ":"hansa-cap+jwt","kid":"cluster:${cluster}#0"}`],
    ['eddsa', `{"alg":"eddsa","typ":"hansa-cap+jwt","kid":"cluster:${cluster}#0"}`],
  ])('with the algorithm %s is TOKEN_ALGORITHM, signature or not', (_, header) => {
    const forged = withPart(root.text, 0, header);
    const bare = `${forged.slice(0, forged.lastIndexOf('.'))}.`;
    for (const text of [forged, bare]) {
      expect(() => verifyChain(text, judging())).toThrow(refused('TOKEN_ALGORITHM'));
    }
  });

  test('with one bit of its payload changed is never taken', () => {
    const body = fromBase64Url(root.text.split('.')[1] ?? '');
    fc.assert(
      fc.property(fc.nat(body.length * 8 - 1), (bit) => {
        const flipped = body.map((byte, at) => (at === bit >> 3 ? byte ^ (1 << (bit & 7)) : byte));
        const parts = root.text.split('.');
        parts[1] = toBase64Url(flipped);
        expect(() => verifyChain(parts.join('.'), judging())).toThrow(/./);
      }),
      { numRuns: 1_000 },
    );
  });

  const header = partOf(root.text, 0);
  const payload = partOf(root.text, 1);
  test.each<[string, 0 | 1, string]>([
    ['a header that says its algorithm twice', 0, header.replace('{', '{"alg":"EdDSA",')],
    ['the same, spelled another way', 0, header.replace('{', '{"\\u0061lg":"EdDSA",')],
    ['a header with a critical word', 0, header.replace('{', '{"crit":["exp"],')],
    ['a header with a key of its own', 0, header.replace('{', '{"jwk":{},')],
    ['a header of another type', 0, header.replace('hansa-cap+jwt', 'JWT')],
    ['a payload that says its scopes twice', 1, payload.replace('{', '{"caps":["api:*"],')],
    ['a claim that nobody knows', 1, payload.replace('{', '{"cnf":"x",')],
    ['a claim from the prototype', 1, payload.replace('{', '{"__proto__":{"caps":["api:*"]},')],
    ['scopes that are none', 1, payload.replace('pull:git', 'own:git')],
    ['a time that is text', 1, payload.replace(/"exp":(\d+)/, '"exp":"$1"')],
    ['a time with a fraction', 1, payload.replace(/"exp":(\d+)/, '"exp":$1.5')],
    ['a holder who is nobody', 1, payload.replace(/"aud":\["key:/, '"aud":["kez:')],
    ['a payload that is a list', 1, '[]'],
    ['a payload that is no JSON', 1, '{'],
  ])('with %s is TOKEN_MALFORMED', (_, at, json) => {
    expect(() => readChain(withPart(root.text, at, json))).toThrow(refused('TOKEN_MALFORMED'));
  });

  test.each<[string, Readonly<Record<string, unknown>>]>([
    ['it ends before it begins', { nbf: nowMs / 1_000 + 60, exp: nowMs / 1_000 + 60 }],
    ['it lives for over a month', { exp: nowMs / 1_000 + 31 * 86_400 }],
    ['it is for a bearer and delegable', { aud: ['bearer'] }],
    ['it is for a bearer and somebody', { aud: ['bearer', keyOf(2)], del: false }],
    ['it has no scope', { caps: [] }],
    ['it has 33 scopes', { caps: Array.from({ length: 33 }, (_, at) => `app:a${at}`) }],
    ['it has no holder', { aud: [] }],
    ['it names another issuer than its key', { iss: keyOf(2) }],
    ['it claims a depth that it has not', { depth: 1 }],
    ['it claims a parent that did not come along', { prf: ['a'.repeat(43)] }],
  ])('is TOKEN_MALFORMED where %s', (_, claims) => {
    expect(() => verifyChain(forgeRoot(claims), judging())).toThrow(refused('TOKEN_MALFORMED'));
  });

  test('over 8 KiB is TOKEN_TOO_LARGE before it is read', () => {
    expect(() => readChain('a'.repeat(tokenBytesMax + 1))).toThrow(refused('TOKEN_TOO_LARGE'));
  });

  test('of any other shape is refused with a code, and nothing worse', () => {
    const text = fc.oneof(
      fc.string(),
      fc.array(fc.base64String(), { maxLength: 4 }).map((parts) => parts.join('.')),
      fc.json().map((json) => withPart(root.text, 1, json)),
      fc.json().map((json) => withPart(root.text, 0, json)),
      fc
        .tuple(fc.nat(root.text.length), fc.string())
        .map(([at, more]) => root.text.slice(0, at) + more + root.text.slice(at)),
      fc.nat(root.text.length).map((at) => root.text.slice(0, at)),
    );
    fc.assert(
      fc.property(text, (given) => {
        fc.pre(given !== root.text);
        expect(() => verifyChain(given, judging())).toThrow(
          expect.objectContaining({ code: expect.stringMatching(/^TOKEN_/) }),
        );
      }),
      { numRuns: 3_000 },
    );
  });
});
