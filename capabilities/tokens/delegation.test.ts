import fc from 'fast-check';
import { anyContains, parseScope, readScope } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import {
  child,
  forge,
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
import { verifyChain } from './chain.ts';
import { tokenBytesMax, tokenDepthMax, tokenSkewMs, type TokenHolder } from './contract.ts';
import { attenuateToken, mintToken, type Wish } from './making.ts';

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
      'TOKEN_ISSUER',
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
    for (let depth = 1; depth <= tokenDepthMax; depth += 1) {
      text = attenuateToken(
        holder(depth + 1),
        text,
        wish({ ...narrow, audience: [keyOf(depth + 2)] }),
      ).text;
    }
    expect(text.length).toBeLessThan(tokenBytesMax);
    expect(verifyChain(text, judging()).depth).toBe(tokenDepthMax);
    expect(() => attenuateToken(holder(tokenDepthMax + 2), text, wish(narrow))).toThrow(
      refused('TOKEN_TOO_DEEP'),
    );
    const ninth = `${text}~${text.split('~')[0] ?? ''}`;
    expect(() => verifyChain(ninth, judging())).toThrow(refused('TOKEN_TOO_DEEP'));
    expect(() => verifyChain(forgeRoot({ depth: tokenDepthMax + 1 }), judging())).toThrow(
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
      { numRuns: 1_000 },
    );
    expect(taken).toBeGreaterThan(200);
  });

  test('by its maker’s own checks gives nothing that the verifier refuses', () => {
    fc.assert(
      fc.property(scopes, scopes, (a, b) => {
        const first = mintToken(issuer, wish({ caps: a })).text;
        const audience: TokenHolder[] = ['bearer'];
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
