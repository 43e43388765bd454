// The independent checker against the vectors of protocol/, and against every way of changing what
// was signed.
import { describe, expect, test } from 'vitest';
import { digestOf } from './digest.ts';
import { isSigned } from './signature.ts';
import { hash, hashOf, layOut, type Field } from './transcript.ts';
import { scopeOf, lies } from './scopes.ts';
import { verifyEvidence } from './verifying.ts';
import {
  type Json,
  vectors,
  nowMs,
  check,
  refusals,
  publicOf,
  signWith,
  seeds,
  heads,
  changes,
  keyLog,
  certificates,
  expectEverySpoilingFound,
} from './samples.suite.ts';
describe('the bytes of the protocol, written a second time', () => {
  test('transcripts are those of the vectors', () => {
    for (const { domain, fields, hex } of vectors('transcript').transcripts) {
      const given: Field[] = fields.map((field: Json) =>
        'hex' in field ? Buffer.from(field.hex, 'hex') : (field.text ?? field.number),
      );
      expect(layOut(domain, ...given).toString('hex')).toBe(hex);
    }
  });

  test('digests are those of the vectors', () => {
    for (const { name, entries, root } of vectors('digest').tries) {
      const leaves = entries.map(({ key, version, valueHash }: Json) => ({
        key: Buffer.from(key, 'hex'),
        version,
        valueHash: Buffer.from(valueHash, 'hex'),
      }));
      expect({ name, root: digestOf(leaves).toString('hex') }).toEqual({ name, root });
    }
  });

  test('heads, changes, key logs, certificates and tokens of the vectors verify', () => {
    const rotated = keyLog();
    const tokens = vectors('tokens').wholes.map(({ text }: Json) => ({ kind: 'token', text }));
    const report = check([...heads(), changes(), rotated, ...certificates()]);
    expect(refusals(report)).toEqual([]);
    expect(report.verified).toBe(true);
    expect(refusals(check(tokens))).toEqual([]);
  });

  test('scopes lie within each other as the vectors say', () => {
    for (const { outer, inner, contains } of vectors('tokens').scopes) {
      const found = lies(scopeOf(inner)!, scopeOf(outer)!);
      expect({ outer, inner, contains: found }).toEqual({ outer, inner, contains });
    }
  });

  test('a key of small order signs nothing, however it is spelled', () => {
    const small = [
      `01${'00'.repeat(31)}`,
      '00'.repeat(32),
      `ec${'ff'.repeat(30)}7f`,
      `${'00'.repeat(31)}80`,
      '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
      'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
      `ee${'ff'.repeat(30)}7f`,
    ];
    const forged = Buffer.from(`01${'00'.repeat(63)}`, 'hex');
    for (const key of small) {
      const signed = isSigned(Buffer.from(key, 'hex'), Buffer.from('anything'), forged);
      expect({ key, signed }).toEqual({ key, signed: false });
    }
    const message = Buffer.from('ours');
    const signature = Buffer.from(signWith(seeds[0], message), 'hex');
    expect(isSigned(Buffer.from(publicOf(seeds[0]), 'hex'), message, signature)).toBe(true);
  });
});

describe('whatever was changed is found, and named', () => {
  test('in a head', () => {
    for (const head of heads()) {
      expectEverySpoilingFound([head], 0);
    }
  });

  test('in a change, wherever it stands', () => {
    expectEverySpoilingFound([heads()[2], changes()], 1);
  });

  test('in a key log', () => {
    expectEverySpoilingFound([keyLog()], 0);
  });

  test('in a certificate', () => {
    const [certificate] = certificates();
    expectEverySpoilingFound([certificate], 0);
  });

  test('in a token', () => {
    for (const { text } of vectors('tokens').wholes) {
      for (let at = 0; at < text.length; at += 1) {
        const other = text[at] === 'A' ? 'B' : 'A';
        const spoilt = `${text.slice(0, at)}${other}${text.slice(at + 1)}`;
        const { verified } = check([{ kind: 'token', text: spoilt }]);
        expect({ at, verified }).toEqual({ at, verified: false });
      }
    }
  });
});

describe('receipts', () => {
  const seed = seeds[3];
  const body = {
    mirror: publicOf(seed),
    resource: `${publicOf(seeds[0])}:git/hansa`,
    withdrawal: 'ab'.repeat(32),
    epoch: 1,
    sequence: 9,
    chain: '11'.repeat(32),
    digest: '22'.repeat(32),
    outcome: 'purged',
    reason: '',
    atMs: nowMs,
    keyIndex: 0,
  };
  const signed = layOut(
    'hansa/receipt/1',
    body.mirror,
    body.resource,
    Buffer.from(body.withdrawal, 'hex'),
    body.epoch,
    body.sequence,
    Buffer.from(body.chain, 'hex'),
    Buffer.from(body.digest, 'hex'),
    body.outcome,
    body.reason,
    body.atMs,
    body.keyIndex,
  );
  const receipt = { ...body, signature: signWith(seed, signed) };

  test('a receipt verifies by itself, as it is handed on', () => {
    const report = verifyEvidence([{ name: 'a', data: receipt }], { atMs: nowMs });
    expect(refusals(report)).toEqual([]);
    expect(report.verdicts[0]).toMatchObject({ kind: 'receipt', about: 'git/hansa' });
    expect(report.verdicts[0]?.sentence).toContain('its copy at 1/9 was purged');
  });

  test('whatever was changed in a receipt is found', () => {
    expectEverySpoilingFound([{ kind: 'receipt', ...receipt }], 0);
  });
});

test('the checker hashes as BLAKE3 does', () => {
  expect(hash(new Uint8Array()).toString('hex')).toMatch(/^af1349b9f5f9a1a6/);
  expect(hashOf('a')).toHaveLength(32);
});
