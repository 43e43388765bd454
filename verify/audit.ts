// Audits (protocol/audit.md): a chain of records, held against what its cluster signed of it and
// what others countersigned.
import type { KeyRing } from './key-ring.ts';
import { demand, moment, Problem, short } from './problem.ts';
import { bytes, id, inner, text, whole, type Node } from './shape.ts';
import { isSigned } from './signature.ts';
import { hashOf, layOut, type Field } from './transcript.ts';

/** A place in a chain, and whose word it is. */
interface Point {
  readonly sequence: number;
  readonly hash: Buffer;
  readonly by: string;
  readonly atMs: number;
}

interface Shelf {
  readonly points: Point[];
  anchor: Point | undefined;
  /** Up to where records were walked, and all was well. */
  walkedTo: number | undefined;
}

/** What earlier checks have proven of audits, by cluster. */
export interface AuditBook {
  of(cluster: string): Shelf;
}

export function createAuditBook(): AuditBook {
  const shelves = new Map<string, Shelf>();
  return {
    of(cluster) {
      const found = shelves.get(cluster) ?? { points: [], anchor: undefined, walkedTo: undefined };
      shelves.set(cluster, found);
      return found;
    },
  };
}

export interface Verified {
  readonly of: string;
  readonly sentence: string;
}

interface Checking {
  readonly keys: KeyRing;
  readonly audits: AuditBook;
}

function take({ audits }: Checking, cluster: string, point: Point): void {
  const { points } = audits.of(cluster);
  const other = points.find(
    ({ sequence, hash }) => sequence === point.sequence && !hash.equals(point.hash),
  );
  demand(
    other === undefined,
    `${short(cluster)} has signed two audits: at record ${point.sequence} another head says ` +
      'otherwise',
  );
  points.push(point);
}

function requireSigned(
  { keys }: Checking,
  item: Node,
  given: { readonly by: string; readonly said: Buffer; readonly what: string },
): number {
  const { by, said, what } = given;
  const keyIndex = whole(item, 'keyIndex');
  const atMs = whole(item, 'atMs');
  demand(
    isSigned(keys.signing(by, { keyIndex, atMs }), said, bytes(item, 'signature', 64)),
    `the ${what} of ${moment(atMs)} is not signed by key ${keyIndex} of ${short(by)}`,
  );
  return atMs;
}

export function verifyAnchor(item: Node, checking: Checking): Verified {
  const cluster = id(item, 'cluster');
  const sequence = whole(item, 'sequence');
  const hash = bytes(item, 'hash', 32);
  const said = layOut(
    'hansa/audit-anchor/1',
    cluster,
    sequence,
    hash,
    whole(item, 'atMs'),
    whole(item, 'keyIndex'),
  );
  const atMs = requireSigned(checking, item, { by: cluster, said, what: 'anchor' });
  const shelf = checking.audits.of(cluster);
  const point = { sequence, hash, by: cluster, atMs };
  take(checking, cluster, point);
  shelf.anchor = (shelf.anchor?.sequence ?? 0) > sequence ? shelf.anchor : point;
  const sentence = `${short(cluster)} removed its records up to ${sequence} at ${moment(atMs)}`;
  return { of: cluster, sentence };
}

export function verifyAuditHead(item: Node, checking: Checking): Verified {
  const { cluster, sequence, atMs } = takeHead(item, checking);
  const sentence = `${short(cluster)} signed record ${sequence} at ${moment(atMs)}`;
  return { of: cluster, sentence };
}

interface Taken {
  readonly cluster: string;
  readonly sequence: number;
  readonly hash: Buffer;
  readonly atMs: number;
  readonly said: Buffer;
}

function takeHead(item: Node, checking: Checking): Taken {
  const cluster = id(item, 'cluster');
  const sequence = whole(item, 'sequence');
  const hash = bytes(item, 'hash', 32);
  const prior = inner(item, 'prior');
  const before = { sequence: whole(prior, 'sequence'), hash: bytes(prior, 'hash', 32) };
  const said = layOut(
    'hansa/audit-head/1',
    cluster,
    sequence,
    hash,
    before.sequence,
    before.hash,
    whole(item, 'atMs'),
    whole(item, 'keyIndex'),
  );
  const atMs = requireSigned(checking, item, { by: cluster, said, what: 'head' });
  take(checking, cluster, { ...before, by: cluster, atMs });
  take(checking, cluster, { sequence, hash, by: cluster, atMs });
  return { cluster, sequence, hash, atMs, said };
}

/** It speaks of the audit of another cluster than the one whose word it is: of both. */
export function verifyCountersignature(item: Node, checking: Checking): Verified {
  const head = inner(item, 'head');
  const { cluster, sequence, hash, said: headSaid } = takeHead(head, checking);
  const witness = id(item, 'witness');
  const said = layOut(
    'hansa/audit-countersignature/1',
    witness,
    headSaid,
    bytes(head, 'signature', 64),
    whole(item, 'atMs'),
    whole(item, 'keyIndex'),
  );
  const atMs = requireSigned(checking, item, { by: witness, said, what: 'countersignature' });
  take(checking, cluster, { sequence, hash, by: witness, atMs });
  const shown = `record ${sequence} of ${short(cluster)}`;
  const sentence = `${short(witness)} was shown ${shown} at ${moment(atMs)}`;
  return { of: cluster, sentence };
}

// ---- records ----

export function clusterKey(item: Node): string {
  return id(item, 'cluster');
}

interface Walk {
  readonly cluster: string;
  readonly shelf: Shelf;
  sequence: number;
  hash: Buffer;
  atMs: number;
}

/** Records of one audit, in the order of the file. */
export function verifyRecords(items: readonly Node[], checking: Checking): Verified {
  const [first] = items;
  if (first === undefined) {
    throw new Problem('there is nothing to check');
  }
  const cluster = id(first, 'cluster');
  const shelf = checking.audits.of(cluster);
  const { anchor } = shelf;
  const walk: Walk = {
    cluster,
    shelf,
    sequence: anchor?.sequence ?? 0,
    hash: anchor?.hash ?? hashOf('hansa/audit-first/1', cluster),
    atMs: 0,
  };
  requirePoints(walk);
  for (const item of items) {
    step(walk, item);
  }
  requireEnd(walk);
  shelf.walkedTo = walk.sequence;
  const from = (anchor?.sequence ?? 0) + 1;
  const others = shelf.points.filter(({ by }) => by !== cluster);
  const witnesses = [...new Set(others.map(({ by }) => short(by)))];
  const signed = witnesses.length === 0 ? '' : `, countersigned by ${witnesses.join(', ')}`;
  return {
    of: cluster,
    sentence:
      `${items.length} record(s), from ${from} to ${walk.sequence}, follow each other as they ` +
      `were signed${signed}`,
  };
}

function step(walk: Walk, item: Node): void {
  const sequence = whole(item, 'sequence');
  const due = walk.sequence + 1;
  demand(
    sequence <= due,
    `${spanText(due, sequence - 1)} missing: ${sequence} follows ${walk.sequence}`,
  );
  demand(sequence === due, `record ${sequence} stands after ${walk.sequence}: out of order`);
  const hash = bytes(item, 'hash', 32);
  demand(
    recordHash(item, sequence).equals(hash),
    `record ${sequence} was changed: what it says is not what was hashed`,
  );
  demand(
    bytes(item, 'previous', 32).equals(walk.hash),
    `record ${sequence} follows another record than ${walk.sequence} as it is here`,
  );
  const atMs = whole(item, 'atMs');
  demand(atMs >= walk.atMs, `record ${sequence} is dated before the one that it follows`);
  walk.sequence = sequence;
  walk.hash = hash;
  walk.atMs = atMs;
  requirePoints(walk);
}

function recordHash(item: Node, sequence: number): Buffer {
  return hashOf(
    'hansa/audit-record/1',
    bytes(item, 'previous', 32),
    sequence,
    whole(item, 'atMs'),
    whole(item, 'sinceMs'),
    whole(item, 'count'),
    text(item, 'principal'),
    text(item, 'via'),
    text(item, 'source'),
    text(item, 'act'),
    text(item, 'permission'),
    text(item, 'target'),
    text(item, 'outcome'),
    factBytes(inner(item, 'facts')),
  );
}

function factBytes(facts: Node): Buffer {
  const fields = Object.keys(facts.fields)
    .toSorted()
    .flatMap((name): Field[] => {
      const value = facts.fields[name];
      demand(
        typeof value === 'string' || typeof value === 'boolean' || Number.isSafeInteger(value),
        `${facts.at}.${name} is no text, whole number, true or false`,
      );
      return [name, typeof value, String(value)];
    });
  return layOut('hansa/audit-facts/1', ...fields);
}

function requirePoints({ shelf, sequence, hash, cluster }: Walk): void {
  for (const point of shelf.points) {
    demand(
      point.sequence !== sequence || point.hash.equals(hash),
      `record ${sequence} of ${short(cluster)} is not the one that ${short(point.by)} signed ` +
        `at ${moment(point.atMs)}: it, or one before it, was changed`,
    );
  }
}

function requireEnd({ shelf, sequence }: Walk): void {
  const signed = shelf.points.filter((point) => point.sequence >= sequence);
  const [last] = signed.toSorted((a, b) => b.sequence - a.sequence);
  if (last === undefined) {
    throw new Problem(`no verified head says that the records end at ${sequence}`);
  }
  demand(
    last.sequence === sequence,
    `${spanText(sequence + 1, last.sequence)} missing at the end: ` +
      `${short(last.by)} signed ${last.sequence} at ${moment(last.atMs)}`,
  );
}

function spanText(from: number, to: number): string {
  return from >= to ? `record ${from} is` : `records ${from} to ${to} are`;
}

/** The claim of a file that it is a whole audit: heads without records would be none. */
export function verifyWhole(item: Node, { audits }: Checking): Verified {
  const cluster = id(item, 'cluster');
  const { walkedTo } = audits.of(cluster);
  demand(
    walkedTo !== undefined,
    `no chain of records of ${short(cluster)} has verified: they are missing, or false`,
  );
  return { of: cluster, sentence: `an audit of ${short(cluster)}, whole up to ${walkedTo}` };
}
