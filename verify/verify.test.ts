// The independent checker against the vectors of protocol/, and against every way of changing what
// was signed.
import { createPrivateKey, createPublicKey, sign } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { createNodeCrypto } from '@hansa/crypto-node';
import { createWrittenHistory } from '../testkit/written-history.ts';
import { digestOf } from './digest.ts';
import { isSigned } from './signature.ts';
import { hash, hashOf, layOut, type Field } from './transcript.ts';
import { scopeOf, lies } from './scopes.ts';
import { verifyEvidence, type Report } from './verifying.ts';

type Json = ReturnType<typeof JSON.parse>;

function vectors(name: string): Json {
  const url = new URL(`../protocol/vectors/${name}.json`, import.meta.url);
  return JSON.parse(readFileSync(url, 'utf8'));
}

const nowMs = 1_700_000_000_500;

function check(evidence: readonly Json[], options = {}): Report {
  const data = { format: 'hansa/evidence/1', evidence };
  return verifyEvidence([{ name: 'a file', data }], { atMs: nowMs, ...options });
}

function refusals({ verdicts }: Report): readonly string[] {
  return verdicts.filter(({ verified }) => !verified).map(({ sentence }) => sentence);
}

function secretOf(seed: string): ReturnType<typeof createPrivateKey> {
  const der = Buffer.from(`302e020100300506032b657004220420${seed}`, 'hex');
  return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
}

function publicOf(seed: string): string {
  const { x } = createPublicKey(secretOf(seed)).export({ format: 'jwk' });
  return Buffer.from(x ?? '', 'base64url').toString('hex');
}

function signWith(seed: string, message: Uint8Array): string {
  return sign(null, message, secretOf(seed)).toString('hex');
}

const seeds = ['01', '02', '03', '04'].map((byte) => byte.repeat(32));

// ---- what the vectors hold, as evidence ----

const history = vectors('history');
const identity = vectors('identity');

function heads(): Json[] {
  return history.heads.map(({ bytes: _bytes, leaf: _leaf, ...head }: Json) => {
    const { bytes: _tick, ...tick } = history.tick;
    return { kind: 'head', ...head, tick };
  });
}

function changes(): Json {
  const { resource, firstChain, steps } = structuredClone(history);
  const after = { sequence: steps[0].change.previous, chain: firstChain };
  const list = steps.map(({ sequence, change }: Json) => ({ sequence, change }));
  return { kind: 'changes', resource, epoch: 1, after, changes: list };
}

function keyLog(): Json {
  const { cluster, nextKeyHash, createdMs, signature } = identity.inceptions[0];
  const rotations = identity.rotations.map(
    ({ name: _name, seeds: _seeds, bytes: _bytes, ...rotation }: Json) => rotation,
  );
  const inception = { cluster, nextKeyHash, createdMs, signature };
  return structuredClone({ kind: 'key-log', inception, rotations });
}

function certificates(): Json[] {
  return identity.certificates.map(
    ({ name: _name, seed: _seed, bytes: _bytes, ...certificate }: Json) => ({
      kind: 'certificate',
      ...certificate,
    }),
  );
}

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
    const signature = Buffer.from(signWith(seeds[0]!, message), 'hex');
    expect(isSigned(Buffer.from(publicOf(seeds[0]!), 'hex'), message, signature)).toBe(true);
  });
});

// ---- tampering: everywhere in what is signed ----

/** Every place in a piece of evidence that holds a number or a text. */
function places(value: Json, path: readonly string[] = []): (readonly string[])[] {
  if (typeof value !== 'object' || value === null) {
    return [path];
  }
  return Object.entries(value).flatMap(([key, inner]) => places(inner, [...path, key]));
}

function spoil(value: Json, path: readonly string[]): Json {
  const [key = '', ...rest] = path;
  const old = value[key];
  const spoilt = rest.length > 0 ? spoil(old, rest) : otherThan(old);
  return Array.isArray(value)
    ? value.map((each, at) => (String(at) === key ? spoilt : each))
    : { ...value, [key]: spoilt };
}

function otherThan(value: Json): Json {
  if (typeof value === 'number') {
    return value + 1;
  }
  if (typeof value === 'boolean') {
    return !value;
  }
  const last = String(value).at(-1);
  return `${String(value).slice(0, -1)}${last === '0' ? '1' : '0'}`;
}

/** Spoils one place of one item at a time: each time the whole must fail, and say why. */
function expectEverySpoilingFound(items: readonly Json[], at: number): void {
  for (const path of places(items[at])) {
    const spoilt = items.map((item, index) => (index === at ? spoil(item, path) : item));
    const report = check(spoilt);
    const place = path.join('.');
    expect({ place, verified: report.verified }).toEqual({ place, verified: false });
    expect(refusals(report)[0]).toMatch(/\w+ \w+/);
  }
}

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

describe('what is missing, out of order or contradictory', () => {
  test('a change that is left out is a gap', () => {
    const without = changes();
    without.changes.splice(1, 1);
    expect(refusals(check([heads()[2], without]))[0]).toContain('changes are missing');
  });

  test('changes out of order are found', () => {
    const swapped = changes();
    swapped.changes.reverse();
    expect(refusals(check([heads()[2], swapped]))[0]).toContain('out of order');
  });

  test('changes that no head ends prove nothing', () => {
    expect(refusals(check([changes()]))[0]).toContain('no verified head');
    const short = changes();
    short.changes.pop();
    expect(refusals(check([heads()[2], short]))[0]).toContain('no verified head');
  });

  test('changes come in pieces, and a piece that is missing is found', () => {
    const whole = changes();
    const { resource, epoch, after } = whole;
    const [first, ...rest] = whole.changes;
    const chain = history.steps[0].chain;
    const pieces = [
      { kind: 'changes', resource, epoch, after, changes: [first] },
      {
        kind: 'changes',
        resource,
        epoch,
        after: { sequence: first.sequence, chain },
        changes: rest,
      },
    ];
    expect(check([heads()[2], ...pieces]).verified).toBe(true);
    const [one, two] = pieces;
    expect(refusals(check([heads()[2], two, one]))[0]).toContain('does not go on');
    // The last piece alone is bound by its chain: what came before it is not claimed.
    expect(check([heads()[2], two]).verified).toBe(true);
  });

  test('two heads of one place with other content are the owner’s own forgery', () => {
    const crypto = createNodeCrypto();
    const written = createWrittenHistory(crypto, { owner: 1, name: 'space' });
    const key = Buffer.from('a');
    written.write([{ put: { key, value: Buffer.from('b'), blobs: [] } }]);
    const one = evidenceOf(written.head());
    const other = evidenceOf(written.head({ digest: new Uint8Array(32) }));
    expect(check([one]).verified).toBe(true);
    expect(refusals(check([one, other]))).toEqual([
      expect.stringContaining('has signed two histories of kv/space'),
    ]);
  });

  test('two key logs that differ are a fork', () => {
    const log = keyLog();
    const [first] = log.rotations;
    const cluster = Buffer.from(first.cluster, 'hex');
    const body = { ...first, createdMs: first.createdMs + 1 };
    const signed = layOut(
      'hansa/rotation/1',
      cluster,
      1,
      Buffer.from(body.key, 'hex'),
      Buffer.from(body.nextKeyHash, 'hex'),
      body.createdMs,
    );
    const other = {
      ...body,
      signature: signWith(seeds[1]!, signed),
      previousSignature: signWith(seeds[0]!, signed),
    };
    const forked = { ...log, rotations: [other] };
    expect(check([forked]).verified).toBe(true);
    expect(refusals(check([log, forked]))[0]).toContain('forked');
  });

  test('what is dated after its key was rotated away does not count', () => {
    const log = keyLog();
    const late = log.rotations[0].createdMs + 60_001;
    const [head] = lateHead(late);
    expect(refusals(check([keyLog(), head]))[0]).toContain('had rotated key 0 away');
    expect(check([head]).verified).toBe(true);
  });

  test('a key that no log reaches is not guessed', () => {
    const [head] = lateHead(nowMs, 7);
    expect(refusals(check([head]))[0]).toContain('no key log here reaches it');
  });

  test('a certificate counts for its time only', () => {
    const [certificate] = certificates();
    const later = { atMs: certificate.notAfterMs + 60_001 };
    expect(refusals(check([certificate], later))[0]).toContain('and not at');
  });

  test('the word of a cluster that was not asked about is not enough', () => {
    const report = check([heads()[0]], { clusters: ['0'.repeat(64)] });
    expect(refusals(report)[0]).toContain('not asked about');
  });

  test('entries are all of the content, none more and none less', () => {
    const crypto = createNodeCrypto();
    const written = createWrittenHistory(crypto, { owner: 1, name: 'space' });
    const texts = ['one', 'two', 'three'];
    for (const each of texts) {
      const key = Buffer.from(each);
      written.write([{ put: { key, value: Buffer.from(each), blobs: [] } }]);
    }
    const head = evidenceOf(written.head());
    const entries = texts.map((each) => ({
      key: Buffer.from(each).toString('hex'),
      value: Buffer.from(each).toString('hex'),
      version: 1,
      blobs: [],
    }));
    const { resource, epoch, sequence } = head;
    const held = { kind: 'entries', resource, epoch, sequence };
    const pieces = [
      { ...held, entries: entries.slice(0, 1) },
      { ...held, entries: entries.slice(1) },
    ];
    expect(check([head, ...pieces]).verified).toBe(true);
    expect(refusals(check([head, pieces[0]]))[0]).toContain('do not give the digest');
    expectEverySpoilingFound([head, { ...held, entries }], 1);
  });

  test.each([
    ['no object', 7, 'is not an object'],
    ['another format', { format: 'x' }, 'is no evidence'],
    ['evidence that is no list', { format: 'hansa/evidence/1', evidence: {} }, 'not a list'],
    [
      'a kind that nobody knows',
      { format: 'hansa/evidence/1', evidence: [{ kind: 'rumour' }] },
      'how to check a "rumour"',
    ],
  ])('%s is refused with its reason', (_what, data, sentence) => {
    const report = verifyEvidence([{ name: 'a', data }], { atMs: nowMs });
    expect(report.verified).toBe(false);
    expect(refusals(report)[0]).toContain(sentence);
  });

  test('nothing proves nothing', () => {
    expect(check([]).verified).toBe(false);
  });
});

describe('receipts', () => {
  const seed = seeds[3]!;
  const body = {
    mirror: publicOf(seed),
    resource: `${publicOf(seeds[0]!)}:git/hansa`,
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

function lateHead(asOfMs: number, keyIndex = 0): Json[] {
  const crypto = createNodeCrypto();
  const written = createWrittenHistory(crypto, { owner: 1, name: 'space' });
  written.write([{ put: { key: Buffer.from('a'), value: Buffer.from('b'), blobs: [] } }]);
  const head = evidenceOf(written.head());
  const root = Buffer.from(head.tick.root, 'hex');
  const signature = signWith(seeds[0]!, layOut('hansa/tick/1', root, asOfMs, keyIndex));
  return [{ ...head, tick: { ...head.tick, asOfMs, keyIndex, signature } }];
}

/** Bytes as hex, everywhere. */
function evidenceOf(head: object): Json {
  const hexed = (value: unknown): unknown => {
    if (value instanceof Uint8Array) {
      return Buffer.from(value).toString('hex');
    }
    if (Array.isArray(value)) {
      return value.map(hexed);
    }
    return typeof value === 'object' && value !== null
      ? Object.fromEntries(Object.entries(value).map(([key, inner]) => [key, hexed(inner)]))
      : value;
  };
  return { kind: 'head', ...(hexed(head) as object) };
}

test('the checker hashes as BLAKE3 does', () => {
  expect(hash(new Uint8Array()).toString('hex')).toMatch(/^af1349b9f5f9a1a6/);
  expect(hashOf('a')).toHaveLength(32);
});
