// Holding an audit against everything that was signed of it: its own chain, the head of its
// resource, its anchor, and what other clusters countersigned. The first thing that is wrong is
// named, and what it was found by.
import { momentText, reportOf } from '@hansa/foundation';
import type { ResourceEntry } from '../resources/contract.ts';
import type { AuditProblem, AuditReport, AuditVerifying, Countersignature } from './contract.ts';
import { sequenceOf, anchorKey, readAnchor, readPoint, readRecord, tailKey } from './keys.ts';
import { firstHash, recordHash, type AuditPoint } from './record.ts';
import { requireAnchor, requireCountersignature, type Checking } from './signing.ts';
import type { AuditChain, ChainNeeds } from './chain.ts';

const problemsMax = 20; // the first of them matter; a store that is torn would name a million
export const progressEvery = 10_000; // a fraction of a second's work

export interface VerifyingNeeds extends ChainNeeds, Checking {}

/** What somebody has signed of the audit, and under which name they are known here. */
export interface Attested {
  readonly name: string;
  readonly countersignature: Countersignature;
}

interface Walk {
  readonly problems: AuditProblem[];
  readonly attested: readonly Attested[];
  /** What the next record has to follow; its hash empty where it is not known. */
  after: AuditPoint;
  prunedTo: number;
  tail: AuditPoint | undefined;
  records: number;
  atMs: number;
}

export async function* verifyChain(
  needs: VerifyingNeeds,
  chain: AuditChain,
  given: {
    readonly attested: readonly Attested[];
    /** What another look has found already. */
    readonly problems: readonly AuditProblem[];
  },
): AsyncIterable<AuditVerifying> {
  const walk: Walk = {
    problems: given.problems.slice(0, problemsMax),
    attested: soundOnes(needs, given.attested),
    after: { sequence: 0, hash: firstHash(needs.crypto, chain.cluster) },
    prunedTo: 0,
    tail: undefined,
    records: 0,
    atMs: 0,
  };
  walk.problems.push(...falseOnes(needs, given.attested));
  const total = (await chain.tail())?.sequence ?? 0;
  for await (const entry of chain.entries()) {
    step(needs, walk, { chain, entry });
    if (walk.records > 0 && walk.records % progressEvery === 0) {
      yield { type: 'progress', clusterName: chain.name, done: walk.records, total };
    }
  }
  requireEnd(walk);
  yield { type: 'report', report: reportOn(walk, chain) };
}

function found(walk: Walk, problem: AuditProblem): void {
  if (walk.problems.length < problemsMax) {
    walk.problems.push(problem);
  }
}

function soundOnes(needs: Checking, attested: readonly Attested[]): readonly Attested[] {
  return attested.filter(({ countersignature }) => isSound(needs, countersignature));
}

function isSound(needs: Checking, countersignature: Countersignature): boolean {
  try {
    requireCountersignature(needs, countersignature);
    return true;
  } catch {
    return false;
  }
}

function falseOnes(needs: Checking, attested: readonly Attested[]): readonly AuditProblem[] {
  return attested
    .filter(({ countersignature }) => !isSound(needs, countersignature))
    .map(({ name, countersignature: { head } }) => ({
      what: 'countersignature',
      sequence: head.sequence,
      sentence: `the countersignature of ${name} at ${head.sequence} does not verify`,
    }));
}

function step(
  needs: VerifyingNeeds,
  walk: Walk,
  { chain, entry }: { readonly chain: AuditChain; readonly entry: ResourceEntry },
): void {
  const { codec } = needs;
  const sequence = sequenceOf(entry.key);
  if (sequence !== undefined) {
    if (sequence > walk.prunedTo) {
      stepRecord(needs, walk, { sequence, entry });
    }
  } else if (entry.key.join() === anchorKey.join()) {
    takeAnchor(needs, walk, { chain, entry });
  } else if (entry.key.join() === tailKey.join()) {
    walk.tail = readPoint(codec, entry.value);
    if (walk.tail === undefined) {
      found(walk, { what: 'unreadable', sentence: 'the end of the chain cannot be read' });
    }
  } else {
    found(walk, { what: 'changed', sentence: 'there is an entry that no audit has' });
  }
}

function takeAnchor(
  needs: VerifyingNeeds,
  walk: Walk,
  { chain, entry }: { readonly chain: AuditChain; readonly entry: ResourceEntry },
): void {
  const anchor = readAnchor(needs.codec, entry.value);
  try {
    if (anchor?.cluster !== chain.cluster) {
      throw new TypeError('it cannot be read, or is another cluster’s');
    }
    requireAnchor(needs, anchor);
    walk.prunedTo = anchor.sequence;
    walk.after = { sequence: anchor.sequence, hash: anchor.hash };
    requireAttested(walk, walk.after);
  } catch (error) {
    const sentence = `the anchor in place of what was pruned is false: ${reportOf(error).message}`;
    found(walk, { what: 'anchor', sentence });
  }
}

function stepRecord(
  { codec, crypto }: VerifyingNeeds,
  walk: Walk,
  { sequence, entry }: { readonly sequence: number; readonly entry: ResourceEntry },
): void {
  const { after } = walk;
  if (sequence !== after.sequence + 1) {
    const span = spanText(after.sequence + 1, sequence - 1);
    const sentence = `${span} missing: ${sequence} follows ${after.sequence}`;
    found(walk, { what: 'missing', sequence: after.sequence + 1, sentence });
  }
  walk.records += 1;
  const record = readRecord(codec, entry.value);
  if (record?.sequence !== sequence) {
    found(walk, { what: 'unreadable', sequence, sentence: `record ${sequence} cannot be read` });
    walk.after = { sequence, hash: '' };
    return;
  }
  if (recordHash(crypto, record) !== record.hash) {
    const sentence = `record ${sequence} was changed: what it says is not what was hashed`;
    found(walk, { what: 'changed', sequence, sentence });
  } else if (
    sequence === after.sequence + 1 &&
    after.hash !== '' &&
    record.previous !== after.hash
  ) {
    const sentence = `record ${sequence} follows another ${after.sequence} than is here`;
    found(walk, { what: 'changed', sequence, sentence });
  } else if (record.atMs < walk.atMs) {
    const sentence = `record ${sequence} is dated before the one that it follows`;
    found(walk, { what: 'changed', sequence, sentence });
  }
  walk.atMs = record.atMs;
  walk.after = { sequence, hash: record.hash };
  requireAttested(walk, walk.after);
}

/** Whoever signed this place must have signed this hash. */
function requireAttested(walk: Walk, { sequence, hash }: AuditPoint): void {
  for (const { name, countersignature } of walk.attested) {
    const { head, atMs } = countersignature;
    if (head.sequence === sequence && head.hash !== hash) {
      const sentence =
        `record ${sequence} is not the one that ${name} countersigned at ${momentText(atMs)}: ` +
        'it, or one before it, was changed';
      found(walk, { what: 'countersignature', sequence, sentence });
    }
  }
}

function requireEnd(walk: Walk): void {
  const { after, tail } = walk;
  const next = after.sequence + 1;
  if (tail !== undefined && tail.sequence > after.sequence) {
    const sentence = `${spanText(next, tail.sequence)} missing at the end`;
    found(walk, { what: 'truncated', sequence: next, sentence });
  } else if (tail === undefined ? after.sequence > 0 : tail.sequence < after.sequence) {
    const sentence = `the chain says that it ends before record ${after.sequence}`;
    found(walk, { what: 'changed', sequence: after.sequence, sentence });
  } else if (tail !== undefined && after.hash !== '' && tail.hash !== after.hash) {
    const { sequence } = after;
    const sentence = `record ${sequence} is not the one that the chain ended with`;
    found(walk, { what: 'changed', sequence, sentence });
  }
  const beyond = walk.attested
    .filter(({ countersignature: { head } }) => head.sequence > after.sequence)
    .toSorted((a, b) => b.countersignature.head.sequence - a.countersignature.head.sequence);
  const [last] = beyond;
  if (last !== undefined) {
    const { head, atMs } = last.countersignature;
    const sentence =
      `${spanText(next, head.sequence)} missing at the end: ${last.name} countersigned ` +
      `${head.sequence} at ${momentText(atMs)}`;
    found(walk, { what: 'truncated', sequence: next, sentence });
  }
}

function spanText(from: number, to: number): string {
  return from >= to ? `record ${from} is` : `records ${from} to ${to} are`;
}

function reportOn(walk: Walk, chain: AuditChain): AuditReport {
  const { problems, attested, prunedTo, records, after } = walk;
  return {
    cluster: chain.cluster,
    clusterName: chain.name,
    verified: problems.length === 0,
    records,
    prunedTo,
    last: after.sequence,
    witnesses: attested.map(({ name, countersignature: { head } }) => ({
      name,
      sequence: head.sequence,
    })),
    problems,
  };
}
