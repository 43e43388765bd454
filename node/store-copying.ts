// Filling a store from another one, or from a backup: bounded transactions, each of which says how
// far the copy has come, so that one that was broken off goes on; at its end all is read again and
// compared. Until then no node starts on it.
import {
  compareBytes,
  fromHex,
  HansaError,
  startsWith,
  toHex,
  type Crypto,
  type Entry,
  type Hasher,
  type KeyValueStore,
  type LeaseId,
  type Op,
} from '@hansa/foundation';
import {
  baseBytes,
  baseKey,
  copyKey,
  markBytes,
  ownPrefix,
  readMark,
  type CopyMark,
} from './store-base.ts';

const opsAtOnce = 64; // with the mark, well below a transaction's limit
const bytesAtOnce: number = 448 * 1_024; // one value of the largest size still fits beside it
const scanEntries = 256;

export interface CopiedEntry extends Pick<Entry, 'key' | 'value'> {
  readonly lease?: LeaseId | undefined;
}

/** All entries at one revision, in the order of their keys, without the store's own. */
export async function* entriesAt(store: KeyValueStore, revision?: number): AsyncIterable<Entry> {
  const end = Uint8Array.of(0xff, 0xff);
  const range = { start: Uint8Array.of(0), end };
  let cursor: string | undefined;
  do {
    const page = await store.scan(range, {
      limit: scanEntries,
      ...(cursor === undefined ? (revision === undefined ? {} : { revision }) : { cursor }),
    });
    yield* page.entries.filter(({ key }) => !startsWith(key, ownPrefix));
    cursor = page.cursor;
  } while (cursor !== undefined);
}

export interface CopyOrder {
  readonly target: KeyValueStore;
  readonly crypto: Crypto;
  /** Of what is copied. */
  readonly id: string;
  /** Revisions of the target are above it from now on. */
  readonly base: number;
  /** In the order of their keys; the same on every attempt. */
  readonly entries: () => AsyncIterable<CopiedEntry>;
  /** How long a lease still lasts; undefined where it has ended. */
  readonly leaseSeconds: (id: LeaseId) => Promise<number | undefined>;
  readonly progress?: ((copied: number) => void) | undefined;
  readonly signal: AbortSignal;
}

export interface Copied {
  /** Without those that have a lease. */
  readonly entries: number;
  /** Hex: over all keys and values. */
  readonly digest: string;
}

/** STORE_NOT_EMPTY, unless it holds the beginning of this very copy; DIGEST_MISMATCH at the end. */
export async function fillStore(order: CopyOrder): Promise<Copied> {
  const { target, crypto, id, base } = order;
  if (await isWhole(order)) {
    return sumAgain(order);
  }
  const after = await placeOf(order);
  const leases = createLeases(order);
  const sum = createSum(crypto);
  const mark = { id, base, done: false, after };
  let batch: Op[] = [];
  let [bytes, last] = [0, fromHex(after)];
  const write = async (): Promise<void> => {
    const value = markBytes({ ...mark, after: toHex(last) });
    await target.batchWrite([...batch, { put: { key: copyKey, value } }]);
    [batch, bytes] = [[], 0];
  };
  await write();
  for await (const entry of order.entries()) {
    order.signal.throwIfAborted();
    const { key, value } = entry;
    const lease = await leases.of(entry.lease);
    if (lease === 'ended') {
      continue;
    }
    if (lease === undefined) {
      sum.add(entry); // what has a lease may go while it is looked for
    }
    if (compareBytes(key, fromHex(after)) <= 0 && after !== '') {
      continue; // is there since another attempt
    }
    if (batch.length > 0 && (batch.length >= opsAtOnce || bytes + value.length > bytesAtOnce)) {
      await write();
      order.progress?.(sum.entries);
    }
    batch.push({ put: { key, value, ...(lease === undefined ? {} : { lease }) } });
    bytes += key.length + value.length;
    last = key;
  }
  await write();
  const copied = { entries: sum.entries, digest: sum.digest() };
  await requireSame(order, copied);
  await target.batchWrite([
    { put: { key: baseKey, value: baseBytes(base) } },
    { put: { key: copyKey, value: markBytes({ ...mark, done: true, after: toHex(last) }) } },
  ]);
  return copied;
}

/** Whether this very copy came to its end before. */
async function isWhole({ target, id }: CopyOrder): Promise<boolean> {
  const mark = await readMark(target);
  return mark?.id === id && mark.done;
}

/** Whoever was broken off before they could say so is told the same, unless it is in use by now. */
async function sumAgain(order: CopyOrder): Promise<Copied> {
  const sum = createSum(order.crypto);
  for await (const entry of order.entries()) {
    order.signal.throwIfAborted();
    if (entry.lease === undefined) {
      sum.add(entry);
    }
  }
  const copied = { entries: sum.entries, digest: sum.digest() };
  if ((await sumOf(order)).digest !== copied.digest) {
    throw new HansaError('STORE_NOT_EMPTY', 'the store that is to be filled is in use already');
  }
  return copied;
}

/** Where to go on; from the beginning in an empty store. */
async function placeOf({ target, id }: CopyOrder): Promise<string> {
  const mark = await readMark(target);
  if (mark?.id === id && !mark.done) {
    return mark.after;
  }
  await requireEmpty(target);
  return '';
}

/** STORE_NOT_EMPTY where `fillStore` would say so: another copy is there, or anything else. */
export async function requireFillable(target: KeyValueStore, id: string): Promise<void> {
  if ((await readMark(target))?.id !== id) {
    await requireEmpty(target);
  }
}

/** STORE_NOT_EMPTY where anything is in it. */
export async function requireEmpty(target: KeyValueStore): Promise<void> {
  const range = { start: Uint8Array.of(0), end: Uint8Array.of(0xff, 0xff) };
  const { entries } = await target.scan(range, { limit: 1, keysOnly: true });
  if (entries.length > 0) {
    throw new HansaError('STORE_NOT_EMPTY', 'the store that is to be filled holds something');
  }
}

function createLeases({ target, leaseSeconds }: CopyOrder): {
  of(id: LeaseId | undefined): Promise<LeaseId | 'ended' | undefined>;
} {
  const granted = new Map<LeaseId, LeaseId | 'ended'>();
  return {
    async of(id) {
      if (id === undefined) {
        return undefined;
      }
      const known = granted.get(id);
      if (known !== undefined) {
        return known;
      }
      const left = await leaseSeconds(id);
      const least = target.limits.leaseTtlSecondsMin;
      const lease =
        left === undefined ? 'ended' : (await target.leaseGrant(Math.max(least, left))).id;
      granted.set(id, lease);
      return lease;
    },
  };
}

async function requireSame(order: CopyOrder, copied: Copied): Promise<void> {
  const found = await sumOf(order);
  if (found.digest !== copied.digest) {
    throw new HansaError('DIGEST_MISMATCH', 'what arrived in the store is not what was copied', {
      facts: { copied: copied.entries, found: found.entries },
    });
  }
}

/** Of what lies there, without what has a lease. */
async function sumOf({ target, crypto }: CopyOrder): Promise<Copied> {
  const sum = createSum(crypto);
  for await (const entry of entriesAt(target)) {
    if (entry.lease === undefined) {
      sum.add(entry);
    }
  }
  return { entries: sum.entries, digest: sum.digest() };
}

interface Sum {
  readonly entries: number;
  add(entry: Pick<Entry, 'key' | 'value'>): void;
  digest(): string;
}

/** Over all keys and values with their lengths, in the order of the keys. */
function createSum(crypto: Crypto): Sum {
  const hasher: Hasher = crypto.hasher();
  const length = new Uint8Array(4);
  const view = new DataView(length.buffer);
  let entries = 0;
  const add = (bytes: Uint8Array): void => {
    view.setUint32(0, bytes.length);
    hasher.update(length.slice());
    hasher.update(bytes);
  };
  return {
    get entries() {
      return entries;
    },
    add({ key, value }) {
      entries += 1;
      add(key);
      add(value);
    },
    digest: () => toHex(hasher.digest()),
  };
}

/** Removes the beginning of a copy that is given up; STORE_NOT_EMPTY where it is a whole one. */
export async function abandonCopy(target: KeyValueStore): Promise<number> {
  const mark = await readMark(target);
  if (mark === undefined || mark.done) {
    throw new HansaError('STORE_NOT_EMPTY', 'no unfinished copy is in this store');
  }
  return emptyCopy(target, mark);
}

/** Of a whole one as well: from the first step on, no node starts on it. */
export async function emptyCopy(target: KeyValueStore, mark: CopyMark): Promise<number> {
  await target.set(copyKey, markBytes({ ...mark, done: false }));
  let removed = 0;
  const range = { start: Uint8Array.of(0), end: Uint8Array.of(0xff, 0xff) };
  for (;;) {
    const { entries } = await target.scan(range, { limit: opsAtOnce, keysOnly: true });
    const others = entries.filter(({ key }) => compareBytes(key, copyKey) !== 0);
    if (others.length === 0) {
      await target.delete(copyKey);
      return removed;
    }
    await target.batchWrite(others.map(({ key }) => ({ delete: { key } })));
    removed += others.length;
  }
}
