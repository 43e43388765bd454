// One transaction against a shelf: compare, then do one branch. Everything that can be refused is
// checked before the first write, because an engine under it may not be able to take a write back.
import { compareBytes } from '../bytes.ts';
import { HansaError } from '../errors.ts';
import { scanAt } from './history.ts';
import { byteRange, prefixDeleteBytesMax, prefixDeleteKeysMax } from './rules.ts';
import type { KeyState, LoggedEvent, Shelf } from './shelf.ts';
import type {
  Compare,
  CompareOp,
  Entry,
  LeaseId,
  Op,
  OpResult,
  Revision,
  Transaction,
  TransactionResult,
} from './store.ts';

/** An event as watchers need it: with the entry before. */
export interface CommittedEvent {
  readonly key: Uint8Array;
  readonly entry: Entry | null;
  readonly prev: Entry | null;
}

export interface Committed {
  readonly revision: Revision;
  readonly events: readonly CommittedEvent[];
}

/** What a transaction did; without `committed`, it changed nothing. */
export interface Outcome {
  readonly result: TransactionResult;
  readonly committed?: Committed;
}

function compares(op: CompareOp, order: number): boolean {
  switch (op) {
    case '=':
      return order === 0;
    case '!=':
      return order !== 0;
    case '<':
      return order < 0;
    case '>':
      return order > 0;
  }
}

function holds(shelf: Shelf, compare: Compare): boolean {
  const entry = shelf.state(compare.key)?.entry ?? null;
  if (compare.target === 'value') {
    // An absent key has no value to compare, as in etcd: no comparison holds.
    return entry !== null && compares(compare.op, compareBytes(entry.value, compare.operand));
  }
  if (compare.target === 'lease') {
    const lease = entry?.lease ?? '';
    const order = lease === compare.operand ? 0 : lease < compare.operand ? -1 : 1;
    return compares(compare.op, order);
  }
  return compares(compare.op, (entry?.[compare.target] ?? 0) - compare.operand);
}

function present(shelf: Shelf, prefix: Uint8Array): Entry[] {
  const entries: Entry[] = [];
  let bytes = 0;
  for (const { entry } of shelf.states(byteRange({ prefix }), false)) {
    if (entry === null) {
      continue;
    }
    entries.push(entry);
    bytes += entry.key.length + entry.value.length;
    if (entries.length > prefixDeleteKeysMax || bytes > prefixDeleteBytesMax) {
      throw new HansaError('STORE_LIMIT', 'the prefix has too much to be deleted at once', {
        fix: `delete in parts: ${prefixDeleteKeysMax} keys, ${prefixDeleteBytesMax} bytes at most`,
        facts: { keys: prefixDeleteKeysMax, bytes: prefixDeleteBytesMax },
      });
    }
  }
  return entries;
}

function refuse(shelf: Shelf, op: Op): void {
  if ('put' in op && op.put.lease !== undefined && shelf.lease(op.put.lease) === undefined) {
    throw leaseNotFound(op.put.lease);
  }
  if ('delete' in op && 'prefix' in op.delete) {
    present(shelf, op.delete.prefix);
  }
}

export function leaseNotFound(id: LeaseId): HansaError {
  return new HansaError('STORE_LEASE_NOT_FOUND', `the lease ${id} expired or never was`);
}

/** Writes keys at the next revision, and keeps what it did: for the log, and for the watchers. */
class Writer {
  readonly revision: Revision;
  readonly #logged: LoggedEvent[] = [];
  readonly #committed: CommittedEvent[] = [];
  readonly #shelf: Shelf;

  constructor(shelf: Shelf) {
    this.#shelf = shelf;
    this.revision = shelf.head() + 1;
  }

  put(key: Uint8Array, value: Uint8Array, lease: LeaseId | undefined): void {
    const state = this.#shelf.state(key);
    const prev = state?.entry ?? null;
    const entry: Entry = {
      key,
      value,
      version: (prev?.version ?? 0) + 1,
      createRevision: prev?.createRevision ?? this.revision,
      modRevision: this.revision,
      ...(lease === undefined ? {} : { lease }),
    };
    if (lease !== undefined && lease !== prev?.lease) {
      this.#shelf.attach(lease, key);
    }
    this.#write(key, state, entry);
  }

  delete(key: Uint8Array): 0 | 1 {
    const state = this.#shelf.state(key);
    if (state === undefined || state.entry === null) {
      return 0;
    }
    this.#write(key, state, null);
    return 1;
  }

  #write(key: Uint8Array, state: KeyState | undefined, entry: Entry | null): void {
    const prev = state?.entry ?? null;
    if (prev?.lease !== undefined && prev.lease !== entry?.lease) {
      this.#shelf.detach(prev.lease, key);
    }
    this.#shelf.putState({ key, entry, revision: this.revision });
    const before = state?.revision ?? 0;
    const isLost = prev !== null && before <= this.#shelf.compacted();
    this.#logged.push(isLost ? { key, entry, before, prev } : { key, entry, before });
    this.#committed.push({ key, entry, prev });
  }

  /** Undefined where nothing changed: then no revision is used up. */
  finish(atMs: number): Committed | undefined {
    if (this.#logged.length === 0) {
      return undefined;
    }
    const { revision } = this;
    this.#shelf.putLogged({ revision, atMs, events: this.#logged });
    this.#shelf.setHead(revision);
    return { revision, events: this.#committed };
  }
}

function run(shelf: Shelf, writer: Writer, op: Op): OpResult {
  if ('put' in op) {
    writer.put(op.put.key, op.put.value, op.put.lease);
    return { put: {} };
  }
  if ('get' in op) {
    return { get: { entry: shelf.state(op.get.key)?.entry ?? null } };
  }
  if ('scan' in op) {
    // The newest of everything, what this transaction wrote before included.
    const { entries } = scanAt(shelf, op.scan, {
      ...(op.scan.limit === undefined ? {} : { limit: op.scan.limit }),
      revision: writer.revision,
    });
    return { scan: { entries } };
  }
  if ('key' in op.delete) {
    return { delete: { deleted: writer.delete(op.delete.key) } };
  }
  const doomed = present(shelf, op.delete.prefix);
  for (const entry of doomed) {
    writer.delete(entry.key);
  }
  return { delete: { deleted: doomed.length } };
}

/** The transaction has passed `ownTransaction`. Throws before its first write, or not at all. */
export function runTransaction(
  shelf: Shelf,
  transaction: Required<Transaction>,
  atMs: number,
): Outcome {
  const succeeded = transaction.if.every((compare) => holds(shelf, compare));
  const ops = succeeded ? transaction.then : transaction.else;
  for (const op of ops) {
    refuse(shelf, op);
  }
  const writer = new Writer(shelf);
  const results = ops.map((op) => run(shelf, writer, op));
  const committed = writer.finish(atMs);
  const result = { succeeded, results, revision: shelf.head() };
  return committed === undefined ? { result } : { result, committed };
}

/** Ends a lease: its keys are deleted in one ordinary revision. False where it was gone already. */
export function runLeaseEnd(
  shelf: Shelf,
  id: LeaseId,
  atMs: number,
): { found: boolean; committed?: Committed } {
  if (shelf.lease(id) === undefined) {
    return { found: false };
  }
  const writer = new Writer(shelf);
  for (const key of shelf.leaseKeys(id)) {
    writer.delete(key);
  }
  shelf.dropLease(id);
  const committed = writer.finish(atMs);
  return committed === undefined ? { found: true } : { found: true, committed };
}
