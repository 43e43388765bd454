// What can be checked, one checker for each kind of evidence, in the order in which they depend on
// each other: keys, what they signed, and what that speaks of. Another kind is another row.
import {
  clusterKey,
  verifyAnchor,
  verifyAuditHead,
  verifyCountersignature,
  verifyRecords,
  verifyWhole,
  type AuditBook,
} from './audit.ts';
import { verifyCertificate } from './certificates.ts';
import { verifyHead, type HeadBook } from './heads.ts';
import { lineKey, verifyChanges, verifyEntries } from './history.ts';
import type { KeyRing } from './key-ring.ts';
import { moment, Problem, short } from './problem.ts';
import { verifyReceipt } from './receipts.ts';
import type { Node } from './shape.ts';
import { verifyToken } from './tokens.ts';

/** What earlier checks have proven, and the time that certificates and tokens are judged for. */
export interface Proven {
  readonly keys: KeyRing;
  readonly heads: HeadBook;
  readonly audits: AuditBook;
  readonly atMs: number;
}

export interface Proof {
  /** The cluster whose word it is. */
  readonly of: string;
  readonly sentence: string;
}

export interface Checker {
  readonly kind: string;
  /** Items of one key are checked as one, in the order of the files; each by itself without. */
  readonly joinedBy?: (item: Node) => string;
  /** Throws a Problem, whose sentence names what is wrong. */
  check(items: readonly Node[], proven: Proven): Proof;
}

function single(items: readonly Node[]): Node {
  const [item] = items;
  if (item === undefined) {
    throw new Problem('there is nothing to check');
  }
  return item;
}

export const checkers: readonly Checker[] = [
  {
    kind: 'key-log',
    check(items, { keys }) {
      const { cluster, rotations } = keys.learn(single(items));
      return {
        of: cluster,
        sentence: `${short(cluster)} has rotated its key ${rotations} time(s)`,
      };
    },
  },
  {
    kind: 'certificate',
    check: (items, proven) => verifyCertificate(single(items), proven),
  },
  {
    kind: 'head',
    check(items, { keys, heads }) {
      const head = verifyHead(single(items), keys);
      heads.take(head);
      const place = `${head.epoch}/${head.sequence}`;
      return {
        of: head.owner,
        sentence: `${short(head.owner)} signed ${place} at ${moment(head.asOfMs)}`,
      };
    },
  },
  {
    kind: 'changes',
    joinedBy: lineKey,
    check: (items, { heads }) => verifyChanges(items, heads),
  },
  {
    kind: 'entries',
    joinedBy: lineKey,
    check: (items, { heads }) => verifyEntries(items, heads),
  },
  { kind: 'audit-anchor', check: (items, proven) => verifyAnchor(single(items), proven) },
  { kind: 'audit-head', check: (items, proven) => verifyAuditHead(single(items), proven) },
  {
    kind: 'audit-countersignature',
    check: (items, proven) => verifyCountersignature(single(items), proven),
  },
  {
    kind: 'audit-record',
    joinedBy: clusterKey,
    check: (items, proven) => verifyRecords(items, proven),
  },
  { kind: 'audit', check: (items, proven) => verifyWhole(single(items), proven) },
  { kind: 'receipt', check: (items, { keys }) => verifyReceipt(single(items), keys) },
  { kind: 'token', check: (items, proven) => verifyToken(single(items), proven) },
];
