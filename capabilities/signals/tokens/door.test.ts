import { createNodeCrypto } from '@hansa/crypto-node';
import { fromBase64Url, toBase64Url, toHex } from '@hansa/foundation';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { capToken, type CapTokenParts } from '../../../testkit/cap-token.ts';
import { createHandClock } from '../../../testkit/hand-clock.ts';
import type { Admitting, AdmissionRefusal, SignalAccess } from '../router/access.ts';
import { capTokenLengthMax } from './cap-token.ts';
import { createDoor } from './door.ts';
import { pack } from './packing.ts';

const crypto = createNodeCrypto();
const seed = new Uint8Array(32).fill(7);
const strangers = new Uint8Array(32).fill(9);
const anchor = crypto.publicKey(seed);
const never = new AbortController().signal;
const scopes = ['read:/**', 'write:/stage/**'];

function door() {
  const clock = createHandClock();
  const tokens = [{ token: 'cpsk_known', scopes: ['admin:/**'], subject: 'ann' }];
  return { clock, door: createDoor({ clock, crypto, tokens, anchors: [anchor] }) };
}

function admit(token: string | undefined, at = door()): SignalAccess | AdmissionRefusal {
  const asked: Admitting = { token, name: 'x', remote: 'test', isPeer: false };
  const answer = at.door.admit(asked, never);
  if (answer instanceof Promise) {
    expect.fail('it is judged at once');
  }
  return answer;
}

function made(more: Partial<CapTokenParts> = {}): string {
  return capToken({ seed, scopes, expiresSeconds: 3_000_000_000, ...more });
}

function allowed(answer: SignalAccess | AdmissionRefusal): SignalAccess {
  return 'code' in answer ? expect.fail(answer.message) : answer;
}

describe('a signed token', () => {
  test('of a trusted issuer gives what its scopes say, until it expires', () => {
    const { allows, expiresMs } = allowed(admit(made()));
    expect(expiresMs).toBe(3_000_000_000_000);
    expect(allows('write', '/stage/1')).toBe(true);
    expect(allows('write', '/hall/1')).toBe(false);
    expect(allows('watch', '/**')).toBe(true);
  });

  test('is told from others: each is a subject of its own', () => {
    const one = allowed(admit(made())).subject;
    expect(allowed(admit(made())).subject).toBe(one);
    expect(allowed(admit(made({ scopes: ['read:/**'] }))).subject).not.toBe(one);
  });

  test('whose time is over is 302, and not before', () => {
    const at = door();
    const token = made({ expiresSeconds: 2 });
    at.clock.advance(1_999);
    expect(allowed(admit(token, at)).expiresMs).toBe(2_000);
    at.clock.advance(1);
    expect(admit(token, at)).toMatchObject({ code: 302 });
  });

  test.each<readonly [string, Partial<CapTokenParts>, string]>([
    ['of somebody whom nobody trusts', { seed: strangers }, 'trusts'],
    ['in the name of the anchor, signed by another', { seed: strangers, issuer: anchor }, 'verify'],
    ['that was widened after signing', { claimed: { scopes: ['admin:/**'] } }, 'verify'],
    ['that was prolonged after signing', { claimed: { expires_at: 4_000_000_000 } }, 'verify'],
    ['for the holder of a key', { audience: anchor }, 'cannot be proven'],
    ['of another version', { version: 2 }, 'no capability token'],
    ['with a short signature', { claimed: { signature: new Uint8Array(63) } }, 'no capability'],
    ['with a short issuer', { claimed: { issuer: [1, 2] } }, 'no capability'],
    ['without a time', { claimed: { expires_at: null } }, 'no capability'],
    ['with scopes that are no texts', { claimed: { scopes: [1] } }, 'no capability'],
    ['with scopes that are none', { scopes: ['fly:/**'] }, 'scopes are none'],
  ])('%s is 300', (_what, parts, why) => {
    expect(admit(made(parts))).toMatchObject({
      code: 300,
      message: expect.stringContaining(why),
    });
  });

  test('that names the anchor as the first of its proofs is 300: anybody could write that', () => {
    const proofs = [
      { issuer: [...anchor], scopes: ['admin:/**'], signature: new Uint8Array(64).fill(1) },
    ];
    expect(admit(made({ seed: strangers, scopes: ['admin:/**'], proofs }))).toMatchObject({
      code: 300,
      message: expect.stringContaining('proves nothing'),
    });
    expect(admit(made({ proofs }))).toMatchObject({ code: 300 });
  });

  test('that is too long is not looked at', () => {
    const one = 'read:/a/**';
    const many = (count: number) => made({ scopes: Array.from({ length: count }, () => one) });
    expect(many(1_000).length).toBeLessThan(capTokenLengthMax);
    expect(admit(many(1_000))).toMatchObject({ subject: expect.any(String) });
    expect(many(1_200).length).toBeGreaterThan(capTokenLengthMax);
    expect(admit(many(1_200))).toMatchObject({ code: 300 });
  });

  test('with any one bit changed, cut short or lengthened is 300', () => {
    const bytes = fromBase64Url(made().slice(4));
    fc.assert(
      fc.property(fc.nat(bytes.length * 8 - 1), (bit) => {
        const changed = bytes.slice();
        changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(admit(`cap_${toBase64Url(changed)}`)).toMatchObject({ code: 300 });
      }),
      { numRuns: 1_000 },
    );
    for (const length of [0, 1, bytes.length - 1]) {
      expect(admit(`cap_${toBase64Url(bytes.slice(0, length))}`)).toMatchObject({ code: 300 });
    }
    const longer = Uint8Array.from([...bytes, 0]);
    expect(admit(`cap_${toBase64Url(longer)}`)).toMatchObject({ code: 300 });
  });
});

describe('the door', () => {
  test('knows what it was told by heart, and nothing of another kind', () => {
    expect(allowed(admit('cpsk_known')).subject).toBe('ann');
    for (const token of [undefined, '', 'cpsk_other', 'ent_abc', 'cap_', 'cap_????']) {
      expect(admit(token)).toMatchObject({ code: 300 });
    }
  });

  test('without a trusted key takes no signed token', () => {
    const clock = createHandClock();
    const closed = createDoor({ clock, crypto, tokens: [], anchors: [] });
    expect(admit(made(), { clock, door: closed })).toMatchObject({ code: 300 });
  });
});

test('what is signed is packed in the shortest form', () => {
  const numbers = [0, 127, 128, 255, 256, 65_535, 65_536, 2 ** 32 - 1, 2 ** 32, 2 ** 40];
  const map = new Map([['a', null]]);
  const packed = toHex(pack([...numbers, 'x'.repeat(31), 'y'.repeat(32), map]));
  const expected = [
    '9d007fcc80ccffcd0100cdffffce00010000ceffffffff',
    'cf0000000100000000cf0000010000000000',
    `bf${'78'.repeat(31)}`,
    `d920${'79'.repeat(32)}`,
    '81a161c0',
  ];
  expect(packed).toBe(expected.join(''));
  expect(toHex(pack('z'.repeat(256)).slice(0, 3))).toBe('da0100');
  expect(toHex(pack(Array.from({ length: 16 }, () => 0)).slice(0, 3))).toBe('dc0010');
});
