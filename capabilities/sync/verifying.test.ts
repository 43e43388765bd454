import { createNodeCrypto } from '@hansa/crypto-node';
import { utf8, type TrieChange, type TrieDraft } from '@hansa/foundation';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createWrittenHistory, type WrittenHistory } from '../../testkit/written-history.ts';
import type { ChangeOp, Head, SequencedChange } from '../resources/contract.ts';
import { createHistory } from '../resources/history.ts';
import type { AppliedRecord } from './keys.ts';
import { verifyBatch, verifyDigest, type Held, type Step } from './verifying.ts';

const crypto = createNodeCrypto();
const history = createHistory(crypto);

function put(key: string, value: string = key): ChangeOp {
  return { put: { key: utf8(key), value: utf8(value), blobs: [] } };
}

function drop(key: string): ChangeOp {
  return { delete: { key: utf8(key) } };
}

function write(count = 5, epoch = 1): WrittenHistory {
  const written = createWrittenHistory(crypto, { owner: 1, name: 'a', epoch });
  for (let i = 0; i < count; i += 1) {
    written.write([put(`key-${i % 3}`, `value ${i}`)]);
  }
  return written;
}

const nothing: Held = { applied: undefined, versionOf: () => 0 };

/** A draft whose digest is whatever the test says. */
function draftOf(root: Uint8Array): TrieDraft & { readonly applied: TrieChange[] } {
  const applied: TrieChange[] = [];
  return {
    root,
    applied,
    async apply(changes) {
      applied.push(...changes);
      return root;
    },
  };
}

/** What a mirror holds that has applied the whole history so far. */
function holding(written: WrittenHistory): Held {
  const versions = new Map<string, number>();
  for (const { change } of written.changes) {
    for (const op of change.ops) {
      const key = ('put' in op ? op.put.key : op.delete.key).join();
      versions.set(key, 'put' in op ? (versions.get(key) ?? 0) + 1 : 0);
    }
  }
  const { epoch, sequence, chain, digest } = written.position();
  const applied: AppliedRecord = {
    copy: 1,
    epoch,
    sequence,
    chain,
    digest,
    head: written.head(),
    appliedMs: 1,
  };
  return { applied, versionOf: (key) => versions.get(key.join()) ?? 0 };
}

function verify(
  changes: readonly SequencedChange[],
  head: Head,
  held: Held = nothing,
): readonly Step[] {
  return verifyBatch(history, { changes, head }, held);
}

function refused(code: string): unknown {
  return expect.objectContaining({ code });
}

describe('a batch that extends what is held', () => {
  test('gives the position after every change, the last being the head', () => {
    const written = write();
    const steps = verify(written.changes, written.head());
    expect(steps).toHaveLength(5);
    expect(steps.at(-1)?.chain).toEqual(written.position().chain);
    expect(steps.at(-1)?.versions).toEqual([2]);
  });

  test('is accepted however it is cut, and gives the same steps', () => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ key: fc.nat(4), drop: fc.boolean() }), {
          minLength: 1,
          maxLength: 12,
        }),
        fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
        (writes, cuts) => {
          const written = createWrittenHistory(crypto, { owner: 1, name: 'a' });
          let held = nothing;
          let batch: SequencedChange[] = [];
          writes.forEach((each, index) => {
            const key = `key-${each.key}`;
            batch.push(written.write([each.drop ? drop(key) : put(key, String(index))]));
            if (cuts[index] === true || index === writes.length - 1) {
              const steps = verify(batch, written.head(), held);
              expect(steps).toHaveLength(batch.length);
              held = holding(written);
              batch = [];
            }
          });
        },
      ),
      { numRuns: 500 },
    );
  });

  test('may be empty: then the head is the position that is held', () => {
    const written = write();
    expect(verify([], written.head(), holding(written))).toEqual([]);
  });

  test('may begin a new epoch, also an empty one, whatever was held of the one before', () => {
    const held = holding(write());
    const fresh: Held = { ...nothing, applied: held.applied };
    const again = write(0, 2);
    expect(verify([], again.head(), fresh)).toEqual([]);
    again.write([put('x')]);
    expect(verify(again.changes, again.head(), fresh)).toHaveLength(1);
  });
});

describe('a batch is refused', () => {
  test.each<[string, (changes: SequencedChange[]) => SequencedChange[], string]>([
    [
      'with a change missing in the middle',
      ([a, b, , d, e]) => present([a, b, d, e]),
      'CHANGE_GAP',
    ],
    ['with its last change missing', (all) => all.slice(0, -1), 'CHANGE_GAP'],
    ['with two changes exchanged', ([a, c, b, d, e]) => present([a, b, c, d, e]), 'CHANGE_GAP'],
    ['with a change twice', ([a, b, c, d, e]) => present([a, b, b, c, d, e]), 'CHANGE_GAP'],
    ['with its last change twice', (all) => present([...all, all.at(-1)]), 'CHANGE_GAP'],
    ['with its first change missing', (all) => all.slice(1), 'CHANGE_INVALID'],
    ['without any change', () => [], 'HEAD_FORKED'],
    ['with another value', replaceOps([put('key-1', 'evil')]), 'CHANGE_INVALID'],
    ['with an operation more', replaceOps([put('key-1', 'value 1'), put('z')]), 'CHANGE_INVALID'],
    ['with another author', replace({ author: 'eve' }), 'CHANGE_INVALID'],
    ['with another hybrid time', replace({ hlc: [9, 9] }), 'CHANGE_INVALID'],
    ['with a change of another epoch', replace({ epoch: 2 }), 'CHANGE_GAP'],
    ['with another sequence inside', resequence(1), 'CHANGE_GAP'],
  ])('%s', (_, damage, code) => {
    const written = write();
    const changes = damage([...written.changes]);
    expect(() => verify(changes, written.head())).toThrow(refused(code));
  });

  test('where the owner signed another chain: its changes are not the history it vouches for', () => {
    const written = write();
    const chain = history.firstChain(written.resource, 9);
    const head = written.head({ chain });
    expect(() => verify(written.changes, head)).toThrow(refused('CHANGE_INVALID'));
  });

  test('where the entries do not give the digest that was signed', async () => {
    const written = write();
    const steps = verify(written.changes, written.head());
    const head = written.head();
    const draft = draftOf(head.digest);
    const groups = await verifyDigest(history, { head, groups: [steps], draft });
    expect(groups).toEqual([{ steps, leaves: draft.applied }]);
    expect(draft.applied).toHaveLength(5);
    const other = draftOf(new Uint8Array(32).fill(1));
    for (const some of [[steps], []]) {
      await expect(
        verifyDigest(history, { head, groups: some, draft: other }),
      ).rejects.toMatchObject({ code: 'DIGEST_MISMATCH' });
    }
  });

  test('signed by anybody but the owner', () => {
    const written = write();
    const foreign = written.head({}, 2);
    expect(() => verify(written.changes, foreign)).toThrow(refused('HEAD_INVALID'));
  });
});

describe('an owner that contradicts itself', () => {
  test('by a head behind what is held is HEAD_REWOUND', () => {
    const written = write(3);
    const old = written.head();
    written.write([put('later')]);
    expect(() => verify([], old, holding(written))).toThrow(refused('HEAD_REWOUND'));
  });

  test('by a head of an epoch before the one that is held is HEAD_REWOUND', () => {
    const [old, now] = [write(3), write(2, 2)];
    const fresh = { ...nothing, applied: holding(now).applied };
    expect(() => verify(old.changes, old.head(), fresh)).toThrow(refused('HEAD_REWOUND'));
  });

  test('by two states at one sequence is HEAD_FORKED', () => {
    const [one, two] = [write(3), write(2)];
    two.write([put('another')]);
    expect(two.position().sequence).toBe(one.position().sequence);
    expect(() => verify([], two.head(), holding(one))).toThrow(refused('HEAD_FORKED'));
  });

  test('by one digest with two chains at one sequence is HEAD_FORKED, too', () => {
    const one = createWrittenHistory(crypto, { owner: 1, name: 'a' });
    const two = createWrittenHistory(crypto, { owner: 1, name: 'a' });
    one.write([put('a', 'same')]);
    two.write([put('a', 'same')], { author: 'eve' });
    expect(two.position().digest).toEqual(one.position().digest);
    expect(() => verify([], two.head(), holding(one))).toThrow(refused('HEAD_FORKED'));
  });

  test('by a later head whose changes do not extend what is held is HEAD_FORKED', () => {
    const [one, two] = [write(3), write(2)];
    two.write([put('another')]);
    const next = two.write([put('more')]);
    expect(() => verify([next], two.head(), holding(one))).toThrow(refused('HEAD_FORKED'));
    const shorter = write(1);
    const all = two.changes.slice(1);
    expect(verify(all, two.head(), holding(shorter))).toHaveLength(all.length);
  });

  test('by a change that reaches over the position we hold is HEAD_FORKED, too', () => {
    const one = write(3);
    const two = write(2);
    const over = two.write([put('another')]);
    const later = { ...over, sequence: over.sequence + 1 };
    const head = two.head({ sequence: later.sequence });
    expect(() => verify([later], head, holding(one))).toThrow(refused('HEAD_FORKED'));
    const lost = one.write([put('x')]);
    const after = one.write([put('y')]);
    const held = holding(write(3));
    expect(lost.sequence).toBeLessThan(after.sequence);
    expect(() => verify([after], one.head(), held)).toThrow(refused('CHANGE_GAP'));
  });
});

test('no single flipped bit of a batch passes', () => {
  const written = write(4);
  const head = written.head();
  const flip = (bytes: Uint8Array, bit: number): Uint8Array =>
    bytes.map((byte, at) => (at === (bit >> 3) % bytes.length ? byte ^ (1 << (bit & 7)) : byte));
  fc.assert(
    fc.property(fc.nat(3), fc.nat(), fc.boolean(), (which, bit, ofKey) => {
      const changes = written.changes.map((each, index) => {
        const [op] = each.change.ops;
        if (index !== which || op === undefined || 'delete' in op) {
          return each;
        }
        const { key, value } = op.put;
        const damaged = ofKey ? { key: flip(key, bit) } : { value: flip(value, bit) };
        return { ...each, change: { ...each.change, ops: [{ put: { ...op.put, ...damaged } }] } };
      });
      expect(() => verify(changes, head)).toThrow(refused('CHANGE_INVALID'));
    }),
    { numRuns: 1_000 },
  );
});

function present<T>(items: readonly (T | undefined)[]): T[] {
  return items.filter((item) => item !== undefined);
}

/** The second change, altered. */
function replace(other: Partial<SequencedChange['change']>) {
  return (changes: SequencedChange[]): SequencedChange[] =>
    changes.map((each, index) =>
      index === 1 ? { ...each, change: { ...each.change, ...other } } : each,
    );
}

function replaceOps(ops: readonly ChangeOp[]) {
  return replace({ ops });
}

function resequence(by: number) {
  return (changes: SequencedChange[]): SequencedChange[] =>
    changes.map((each, index) => (index === 1 ? { ...each, sequence: each.sequence + by } : each));
}
