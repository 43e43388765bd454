// Evidence whose parts are each well signed, and that proves nothing all the same: what is missing,
// out of order, too late or contradictory.
import { createNodeCrypto } from '@hansa/crypto-node';
import { describe, expect, test } from 'vitest';
import { createWrittenHistory } from '../testkit/written-history.ts';
import { layOut } from './transcript.ts';
import { verifyEvidence } from './verifying.ts';
import {
  type Json,
  nowMs,
  check,
  refusals,
  signWith,
  seeds,
  history,
  heads,
  changes,
  keyLog,
  certificates,
  expectEverySpoilingFound,
  evidenceOf,
} from './samples.suite.ts';
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
      signature: signWith(seeds[1], signed),
      previousSignature: signWith(seeds[0], signed),
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

function lateHead(asOfMs: number, keyIndex = 0): Json[] {
  const crypto = createNodeCrypto();
  const written = createWrittenHistory(crypto, { owner: 1, name: 'space' });
  written.write([{ put: { key: Buffer.from('a'), value: Buffer.from('b'), blobs: [] } }]);
  const head = evidenceOf(written.head());
  const root = Buffer.from(head.tick.root, 'hex');
  const signature = signWith(seeds[0], layOut('hansa/tick/1', root, asOfMs, keyIndex));
  return [{ ...head, tick: { ...head.tick, asOfMs, keyIndex, signature } }];
}
