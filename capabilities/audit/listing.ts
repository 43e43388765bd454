// Records of several audits as one list, newest first. Each audit's own records are in the order of
// their time, so a page begins where a search by halves finds it, and only what is shown is read.
import { HansaError } from '@hansa/foundation';
import { auditPageDefault, type AuditFilter, type AuditRecord, type AuditRow } from './contract.ts';
import { chosenChains, type ChoosingNeeds } from './choosing.ts';
import type { AuditChain } from './chain.ts';

// A page of a filter that nearly nothing fits ends here, and says where to go on.
const lookedAtMax = 20_000;

interface Place {
  readonly atMs: number;
  readonly sequence: number;
  readonly cluster: string;
}

interface Reader {
  readonly chain: AuditChain;
  readonly first: number;
  /** The next to be looked at; undefined at the end. */
  next: AuditRecord | undefined;
}

interface Asked extends AuditFilter {
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

export async function listRecords(
  needs: ChoosingNeeds,
  asked: Asked,
): Promise<{ records: readonly AuditRow[]; cursor?: string }> {
  const { limit = auditPageDefault, sinceMs = 0 } = asked;
  const readers = await openReaders(needs, asked);
  const records: AuditRow[] = [];
  for (let looked = 0; ; looked += 1) {
    const newest = newestOf(readers);
    if (newest === undefined || newest.next.atMs < sinceMs) {
      return { records };
    }
    const { chain, next: record } = newest;
    if (records.length >= limit || looked >= lookedAtMax) {
      return { records, cursor: cursorBefore({ ...record, cluster: chain.cluster }) };
    }
    if (fits(record, asked)) {
      records.push(rowOf(chain, record));
    }
    await advance(newest, record.sequence - 1);
  }
}

async function openReaders(
  needs: ChoosingNeeds,
  { cursor, cluster, untilMs = Number.MAX_SAFE_INTEGER }: Asked,
): Promise<readonly Reader[]> {
  const after = cursor === undefined ? undefined : readCursor(cursor);
  const chains = await chosenChains(needs, cluster);
  const found = await Promise.all(chains.map((chain) => openReader(chain, { after, untilMs })));
  return found.flatMap((each) => each ?? []);
}

export function rowOf({ cluster, name }: AuditChain, record: AuditRecord): AuditRow {
  return { ...record, cluster, clusterName: name };
}

/** One that has something left. */
type Waiting = Reader & { next: AuditRecord };

function newestOf(readers: readonly Reader[]): Waiting | undefined {
  let newest: Waiting | undefined;
  for (const reader of readers) {
    if (isWaiting(reader) && (newest === undefined || comesFirst(reader, newest))) {
      newest = reader;
    }
  }
  return newest;
}

function isWaiting(reader: Reader): reader is Waiting {
  return reader.next !== undefined;
}

/** The later first; of one time, by cluster. */
function comesFirst(one: Waiting, other: Waiting): boolean {
  const [a, b] = [one.next.atMs, other.next.atMs];
  return a === b ? one.chain.cluster < other.chain.cluster : a > b;
}

async function openReader(
  chain: AuditChain,
  { after, untilMs }: { readonly after: Place | undefined; readonly untilMs: number },
): Promise<Reader | undefined> {
  const tail = await chain.tail();
  if (tail === undefined) {
    return undefined;
  }
  const { sequence: anchored } = await chain.start();
  const range = { first: anchored + 1, last: tail.sequence };
  const last = await lastUpTo(chain, range, lastMs(chain, { after, untilMs }));
  const ours = after?.cluster === chain.cluster ? after.sequence - 1 : last;
  const reader: Reader = { chain, first: range.first, next: undefined };
  await advance(reader, Math.min(last, ours));
  return reader;
}

/** What is not later than this comes after the cursor's place. */
function lastMs(
  { cluster }: AuditChain,
  { after, untilMs }: { readonly after: Place | undefined; readonly untilMs: number },
): number {
  if (after === undefined) {
    return untilMs;
  }
  return Math.min(untilMs, cluster < after.cluster ? after.atMs - 1 : after.atMs);
}

/** The last record that is not later than a time, by halving; before the first where none is. */
async function lastUpTo(
  chain: AuditChain,
  { first, last }: { readonly first: number; readonly last: number },
  atMs: number,
): Promise<number> {
  let [low, high] = [first - 1, last];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const record = await chain.record(middle);
    // One that cannot be read has no time: what stands around it decides.
    if (record === undefined || record.atMs <= atMs) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

/** To the next readable record at or before a sequence. */
async function advance(reader: Reader, sequence: number): Promise<void> {
  reader.next = undefined;
  for (let at = sequence; at >= reader.first && reader.next === undefined; at -= 1) {
    reader.next = await reader.chain.record(at);
  }
}

export function fits(record: AuditRecord, filter: AuditFilter): boolean {
  const { principal, act, target, outcome, sinceMs, untilMs } = filter;
  return (
    matches(record.principal, principal) &&
    matches(record.act, act) &&
    matches(record.target, target) &&
    (outcome === undefined || record.outcome === outcome) &&
    record.atMs >= (sinceMs ?? 0) &&
    record.atMs <= (untilMs ?? Number.MAX_SAFE_INTEGER)
  );
}

function matches(value: string, wanted: string | undefined): boolean {
  if (wanted === undefined) {
    return true;
  }
  return wanted.endsWith('*') ? value.startsWith(wanted.slice(0, -1)) : value === wanted;
}

/** Just before a record that was not shown yet: the next page begins with it. */
function cursorBefore({ atMs, sequence, cluster }: Place): string {
  return `${atMs}.${sequence + 1}.${cluster}`;
}

function readCursor(cursor: string): Place {
  const [, atMs, sequence, cluster] = /^(\d{1,16})\.(\d{1,16})\.([0-9a-f]{64})$/.exec(cursor) ?? [];
  if (cluster === undefined) {
    throw new HansaError('INPUT_INVALID', 'the cursor is none that a page ended with');
  }
  return { atMs: Number(atMs), sequence: Number(sequence), cluster };
}
