import { createNodeCrypto } from '@hansa/crypto-node';
import {
  fromBase64Url,
  fromHex,
  fromUtf8,
  toBase64Url,
  utf8,
  type Random,
} from '@hansa/foundation';
import fc from 'fast-check';
import { compactVerify, importJWK, SignJWT, type CryptoKey } from 'jose';
import { describe, expect, test } from 'vitest';
import { clusterOf, seedOf } from '../../testkit/test-cluster.ts';
import { proofHash, readChain, verifyChain, type Judging } from './chain.ts';
import { tokenBytesMax, tokenSkewMs, type Principal } from './contract.ts';
import { writeJws, type Issuer, type Signing } from './jws.ts';
import { attenuateToken, mintToken, type Making, type Wish } from './making.ts';
import { anyContains, parseScope, readScope } from './scope.ts';

const crypto = createNodeCrypto();
const nowMs = 1_800_000_000_000;
const cluster = clusterOf(crypto, 1);
let drawn = 0;
const random: Random = {
  bytes: (length) => {
    drawn += 1;
    return crypto.hash(utf8(`draw ${drawn}`)).subarray(0, length);
  },
  fraction: () => 0.5,
};

function keyOf(byte: number): Issuer {
  return `key:${clusterOf(crypto, byte)}`;
}

function signing(byte: number, issuer: Issuer): Signing {
  return {
    issuer,
    sign: (message) => ({ keyIndex: 0, signature: crypto.sign(seedOf(byte), message) }),
  };
}

const issuer: Making = { crypto, random, signing: signing(1, `cluster:${cluster}`) };

function holder(byte: number): Making {
  return { crypto, random, signing: signing(byte, keyOf(byte)) };
}

function wish(given: Partial<Wish> = {}): Wish {
  return {
    subject: 'ada',
    audience: [keyOf(2)],
    caps: ['pull:git:team-a/*', 'api:kv.*'],
    nowMs,
    expiresMs: nowMs + 3_600_000,
    delegable: true,
    facts: [],
    ...given,
  };
}

function judging(given: Partial<Judging> = {}): Judging {
  return {
    crypto,
    nowMs,
    keyOf: (id, { keyIndex }) => {
      if (keyIndex > 0) {
        throw new Error('no such key');
      }
      return fromHex(id);
    },
    ceiling: (root) => (root === cluster ? 'all' : undefined),
    isRevoked: () => false,
    ...given,
  };
}

function refused(code: string): unknown {
  return expect.objectContaining({ code });
}

const root = mintToken(issuer, wish());
const child = attenuateToken(
  holder(2),
  root.text,
  wish({ audience: [keyOf(3)], caps: ['pull:git:team-a/one'] }),
);

/** A child that nobody's checks have seen: what a thief with the holder's key would sign. */
function forge(
  parentText: string,
  claims: Readonly<Record<string, unknown>>,
  by: Making = holder(2),
): string {
  const [parent] = readChain(parentText);
  const payload = {
    iss: by.signing.issuer,
    sub: 'thief',
    aud: [keyOf(3)],
    exp: parent?.claims.exp,
    nbf: parent?.claims.nbf,
    iat: parent?.claims.iat,
    jti: 'x'.repeat(22),
    caps: ['pull:git:team-a/one'],
    depth: (parent?.claims.depth ?? 0) + 1,
    del: false,
    prf: [proofHash(crypto, parent?.jws.text ?? '')],
    ...claims,
  };
  return `${writeJws(by.signing, 'hansa-cap+jwt', payload)}~${parentText}`;
}

function forgeRoot(claims: Readonly<Record<string, unknown>>, by: Making = issuer): string {
  const payload = {
    iss: by.signing.issuer,
    sub: 'ada',
    aud: [keyOf(2)],
    exp: nowMs / 1_000 + 60,
    nbf: nowMs / 1_000,
    iat: nowMs / 1_000,
    jti: 'r'.repeat(22),
    caps: ['api:*'],
    depth: 0,
    del: true,
    prf: [],
    ...claims,
  };
  return writeJws(by.signing, 'hansa-cap+jwt', payload);
}

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
    ['of another cluster', { ...issuer, signing: signing(9, `cluster:${clusterOf(crypto, 9)}`) }],
    ['of a key and no cluster', holder(2)],
    [
      'in the name of the cluster by another key',
      { ...issuer, signing: signing(9, issuer.signing.issuer) },
    ],
  ])('%s is TOKEN_FORGED', (_, by) => {
    expect(() => verifyChain(mintToken(by, wish()).text, judging())).toThrow(
      refused('TOKEN_FORGED'),
    );
  });

  test('of a cluster that is honoured counts as far as that reaches', () => {
    const other = clusterOf(crypto, 9);
    const by = { ...issuer, signing: signing(9, `cluster:${other}`) };
    const ceiling = (id: string) => (id === other ? [parseScope('app:*')] : undefined);
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
  ])('with the algorithm %s is TOKEN_FORGED, signature or not', (_, header) => {
    const forged = withPart(root.text, 0, header);
    const bare = `${forged.slice(0, forged.lastIndexOf('.'))}.`;
    for (const text of [forged, bare]) {
      expect(() => verifyChain(text, judging())).toThrow(refused('TOKEN_FORGED'));
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

describe('a delegated token', () => {
  test('is good with its parent, and narrower', () => {
    const token = verifyChain(child.text, judging());
    expect(token).toMatchObject({ depth: 1, ids: [child.jti, root.jti], audience: [keyOf(3)] });
    expect(token.grants('pull:git:team-a/one')).toBe(true);
    expect(token.grants('pull:git:team-a/two')).toBe(false);
    expect(token.grants('api:kv.read')).toBe(false);
  });

  test.each<[string, string, () => string]>([
    [
      'with a scope that its parent has not',
      'TOKEN_WIDENED',
      () => forge(root.text, { caps: ['pull:git:team-a/one', 'push:git:team-a/one'] }),
    ],
    [
      'with a wider pattern',
      'TOKEN_WIDENED',
      () => forge(root.text, { caps: ['pull:git:team-a/**'] }),
    ],
    [
      'that outlives its parent by a second',
      'TOKEN_WIDENED',
      () => forge(root.text, { exp: nowMs / 1_000 + 3_601 }),
    ],
    [
      'of a parent that may not be delegated',
      'TOKEN_WIDENED',
      () => forge(mintToken(issuer, wish({ delegable: false })).text, {}),
    ],
    [
      'signed by somebody whom its parent is not for',
      'TOKEN_WRONG_AUDIENCE',
      () => forge(root.text, {}, holder(4)),
    ],
    [
      'of a bearer’s token, which anybody could have signed',
      'TOKEN_WRONG_AUDIENCE',
      () => forge(mintToken(issuer, wish({ audience: ['bearer'], delegable: false })).text, {}),
    ],
    [
      'in the name of its parent’s holder, by somebody else',
      'TOKEN_FORGED',
      () => forge(root.text, {}, { ...issuer, signing: signing(4, keyOf(2)) }),
    ],
    [
      'put on a richer parent than it was made of',
      'TOKEN_FORGED',
      () => {
        const poor = mintToken(issuer, wish({ caps: ['api:kv.read'] })).text;
        const made = attenuateToken(holder(2), poor, wish({ caps: ['api:kv.read'] }));
        return `${made.text.split('~')[0] ?? ''}~${root.text}`;
      },
    ],
    ['with its root taken away', 'TOKEN_MALFORMED', () => child.text.split('~')[0] ?? ''],
    [
      'with a root of the thief’s own',
      'TOKEN_FORGED',
      () => forge(mintToken(holder(2), wish()).text, { caps: ['pull:git:team-a/one'] }),
    ],
    ['in the other order', 'TOKEN_MALFORMED', () => child.text.split('~').toReversed().join('~')],
  ])('%s is %s', (_, code, make) => {
    expect(() => verifyChain(make(), judging())).toThrow(refused(code));
  });

  test('runs out with its parent, whatever it says itself', () => {
    const short = mintToken(issuer, wish({ expiresMs: nowMs + 10_000 }));
    const made = attenuateToken(holder(2), short.text, wish({ expiresMs: nowMs + 10_000 }));
    const late = judging({ nowMs: nowMs + 10_000 + tokenSkewMs });
    expect(() => verifyChain(made.text, late)).toThrow(refused('TOKEN_EXPIRED'));
  });

  test('may be delegated eight times; the ninth is TOKEN_TOO_DEEP', () => {
    const narrow = { caps: ['app:a'], subject: 'a' };
    let { text } = mintToken(issuer, wish(narrow));
    for (let depth = 1; depth <= 8; depth += 1) {
      text = attenuateToken(
        holder(depth + 1),
        text,
        wish({ ...narrow, audience: [keyOf(depth + 2)] }),
      ).text;
    }
    expect(text.length).toBeLessThan(tokenBytesMax);
    expect(verifyChain(text, judging()).depth).toBe(8);
    expect(() => attenuateToken(holder(10), text, wish(narrow))).toThrow(refused('TOKEN_TOO_DEEP'));
    const ninth = `${text}~${text.split('~')[0] ?? ''}`;
    expect(() => verifyChain(ninth, judging())).toThrow(refused('TOKEN_TOO_DEEP'));
    expect(() => verifyChain(forgeRoot({ depth: 9 }), judging())).toThrow(
      refused('TOKEN_TOO_DEEP'),
    );
  });

  test('is refused to its maker for the reason that a verifier would give', () => {
    const attempt =
      (given: Partial<Wish>, by = holder(2)) =>
      () =>
        attenuateToken(by, root.text, wish({ caps: ['api:kv.read'], ...given }));
    expect(attempt({ caps: ['api:*'] })).toThrow(refused('TOKEN_WIDENED'));
    expect(attempt({ expiresMs: nowMs + 3_601_000 })).toThrow(refused('TOKEN_WIDENED'));
    expect(attempt({}, holder(3))).toThrow(refused('TOKEN_WRONG_AUDIENCE'));
    expect(attempt({ nowMs: nowMs + 3_600_000 })).toThrow(refused('TOKEN_EXPIRED'));
    const long = Array.from({ length: 32 }, (_, at) => `pull:git:team-a/${'x'.repeat(100)}${at}`);
    const big = mintToken(issuer, wish({ caps: long }));
    const again = (): unknown => attenuateToken(holder(2), big.text, wish({ caps: long }));
    expect(again).toThrow(refused('TOKEN_TOO_LARGE'));
  });
});

const segment = fc.constantFrom('a', 'b', '*', '**', 'a*', '*b');
const scopeText = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('see', 'pull', 'push', '*'),
      fc.constantFrom('git', 'kv', '*'),
      fc.array(segment, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/')),
    )
    .map((parts) => parts.join(':')),
  fc
    .tuple(fc.constantFrom('*', 'kv', 'links'), fc.constantFrom('*', 'read', 'write'))
    .map((parts) => `api:${parts.join('.')}`),
  fc.constantFrom('app:*', 'app:a', 'app:b'),
);
const scopes = fc.array(scopeText, { minLength: 1, maxLength: 4 });
// Wide ones often, or hardly any chain would be good and have something to say.
const wide = fc.oneof(scopes, fc.constant(['*:*:**', 'api:*', 'app:*']));
const act = fc.oneof(
  fc
    .tuple(
      fc.constantFrom('see', 'pull', 'push'),
      fc.constantFrom('git', 'kv'),
      fc
        .array(fc.constantFrom('a', 'b', 'ab', 'aa'), { minLength: 1, maxLength: 4 })
        .map((parts) => parts.join('/')),
    )
    .map((parts) => parts.join(':')),
  fc.constantFrom('api:kv.read', 'api:kv.write', 'api:links.read', 'app:a', 'app:b'),
);
const covers = (caps: readonly string[], wanted: string): boolean =>
  anyContains(caps.map(parseScope), parseScope(wanted));

describe('delegation', () => {
  test('never widens: whatever a verified chain allows, each of its tokens allows', () => {
    let taken = 0;
    fc.assert(
      fc.property(wide, wide, scopes, fc.array(act, { maxLength: 8 }), (a, b, c, acts) => {
        const first = mintToken(issuer, wish({ caps: a })).text;
        // Signed past the maker's own checks, so that the verifier's are what is tried.
        const second = forge(first, { caps: b, del: true });
        const third = forge(second, { caps: c, jti: 'y'.repeat(22) }, holder(3));
        try {
          verifyChain(third, judging());
        } catch (error) {
          expect(error).toMatchObject({ code: 'TOKEN_WIDENED' });
          return;
        }
        taken += 1;
        for (const wanted of acts.filter((one) => covers(c, one))) {
          expect([covers(b, wanted), covers(a, wanted)]).toEqual([true, true]);
        }
      }),
      { numRuns: 1_500 },
    );
    expect(taken).toBeGreaterThan(300);
  });

  test('by its maker’s own checks gives nothing that the verifier refuses', () => {
    fc.assert(
      fc.property(scopes, scopes, (a, b) => {
        const first = mintToken(issuer, wish({ caps: a })).text;
        const audience: Principal[] = ['bearer'];
        const narrow = wish({ caps: b, audience, delegable: false });
        let made: string;
        try {
          made = attenuateToken(holder(2), first, narrow).text;
        } catch (error) {
          expect(error).toMatchObject({ code: 'TOKEN_WIDENED' });
          return;
        }
        expect(verifyChain(made, judging()).caps).toEqual(b);
        expect(b.every((cap) => readScope(cap) !== undefined)).toBe(true);
      }),
      { numRuns: 1_000 },
    );
  });
});
