// Reading: always what the majority has, at one revision, in pages that fit into memory.
import {
  HansaError,
  isHansaError,
  overLimit,
  ownKey,
  readCursor,
  scanLimit,
  storeLimits,
  writeCursor,
  type Entry,
  type KeyRange,
  type Revision,
  type ScanOptions,
  type ScanPage,
} from '@hansa/foundation';
import type { Calls } from './calls.ts';
import { CallFailure } from './failures.ts';
import type { EtcdRange, Keyspace } from './keyspace.ts';
import {
  sortDescending,
  type RangeRequest,
  type RangeResponse,
  type TxnRequest,
  type TxnResponse,
} from './messages-kv.ts';
import { rangeMethod, txnMethod } from './methods.ts';
import { pageOf } from './translation.ts';

interface PageAsked {
  readonly revision?: Revision | undefined;
  readonly limit?: number;
  readonly reverse?: boolean;
  readonly keysOnly?: boolean;
}

interface Page {
  readonly entries: readonly Entry[];
  readonly revision: Revision;
  /** Whether the range goes on. */
  readonly isCut: boolean;
}

const firstRevision = 1; // of an etcd in which nothing was ever written
const keysPerRead = storeLimits.transactionOpsMax; // a batch is a transaction of reads

const stepMin = 16; // of the largest values twice what a page holds
const tooLargeDivisor = 4;

export class Reads {
  readonly #calls: Calls;
  readonly #keys: Keyspace;
  /** Never less than what the search below found last: compaction only goes on. */
  #compacted: Revision = 0;
  /** Entries asked for at once: fewer after an answer was too large, then more again. */
  #step: number = storeLimits.scanEntriesMax;

  constructor(calls: Calls, keys: Keyspace) {
    this.#calls = calls;
    this.#keys = keys;
  }

  async get(
    key: Uint8Array,
    revision?: Revision,
  ): Promise<{ entry: Entry | null; revision: Revision }> {
    const request = { key: this.#keys.into(ownKey(key)) };
    const answer = await this.#range(request, revision);
    const [kv] = answer.kvs;
    return {
      entry: kv === undefined ? null : this.#keys.entry(kv),
      revision: revision ?? revisionOf(answer),
    };
  }

  async many(
    given: readonly Uint8Array[],
  ): Promise<{ entries: readonly (Entry | null)[]; revision: Revision }> {
    const limit = storeLimits.scanEntriesMax;
    if (given.length > limit) {
      throw overLimit('keys of a batch', { limit, found: given.length });
    }
    const keys = given.map((key) => this.#keys.into(ownKey(key)));
    const entries: (Entry | null)[] = [];
    let revision: Revision | undefined;
    do {
      const part = keys.slice(entries.length, entries.length + keysPerRead);
      const answer = await this.transact(readsOf(part, revision));
      revision ??= answer.header?.revision ?? 0;
      for (const { range } of answer.responses) {
        const kv = range?.kvs[0];
        entries.push(kv === undefined ? null : this.#keys.entry(kv));
      }
    } while (entries.length < keys.length);
    return { entries, revision };
  }

  /** That writes nothing. */
  async transact(request: TxnRequest): Promise<TxnResponse> {
    try {
      return await this.#calls.again(txnMethod, request);
    } catch (error) {
      if (error instanceof CallFailure) {
        throw new HansaError('STORE_LIMIT', 'the answer is too large', {
          cause: error,
          fix: 'read less at once, or scan in pages',
        });
      }
      throw error;
    }
  }

  async scan(range: KeyRange, options: ScanOptions): Promise<ScanPage> {
    const limit = scanLimit(options);
    const cursor = options.cursor === undefined ? undefined : readCursor(options.cursor);
    const { reverse = false, keysOnly = false } = options;
    const whole = this.#keys.range(range);
    const page = await this.#page(
      cursor === undefined ? whole : this.#beyond(whole, cursor.after, reverse),
      { revision: cursor?.revision ?? options.revision, limit, reverse, keysOnly },
    );
    const { entries, revision } = page;
    const last = entries.at(-1);
    return page.isCut && last !== undefined
      ? { entries, revision, cursor: writeCursor({ revision, after: last.key }) }
      : { entries, revision };
  }

  /** From a key on, at a revision. */
  async page(
    range: { readonly start: Uint8Array; readonly end: Uint8Array | undefined },
    asked: PageAsked,
  ): Promise<Page> {
    const whole = this.#keys.range({ prefix: new Uint8Array(0) });
    const rangeEnd = range.end === undefined ? whole.rangeEnd : this.#keys.into(range.end);
    return this.#page({ key: this.#keys.into(range.start), rangeEnd }, asked);
  }

  async count(range: KeyRange, revision: Revision): Promise<number> {
    const request = { ...this.#keys.range(range), countOnly: true };
    return (await this.#range(request, revision)).count;
  }

  async currentRevision(): Promise<Revision> {
    return revisionOf(await this.#range(this.#nothing));
  }

  /** Throws STORE_FUTURE_REVISION where it does not. */
  async assertExists(revision: Revision): Promise<void> {
    const isOne = Number.isSafeInteger(revision) && revision >= 0;
    if (!isOne || revision > (await this.currentRevision())) {
      throw await this.#future(revision);
    }
  }

  /** Throws STORE_COMPACTED or STORE_FUTURE_REVISION where it cannot be read. */
  async assertReadable(revision: Revision): Promise<void> {
    await this.#range(this.#nothing, revision);
  }

  /**
   * The oldest readable revision, or 0 where nothing was ever compacted. etcd does not tell it, but
   * tells for any revision whether it is older.
   */
  async compactRevision(): Promise<Revision> {
    let readable = await this.currentRevision();
    let low = Math.max(this.#compacted, firstRevision);
    // What was found before is most often still true.
    let middle = low;
    while (low < readable) {
      if (await this.#isReadable(middle)) {
        readable = middle;
      } else {
        low = middle + 1;
      }
      middle = Math.floor((low + readable) / 2);
    }
    this.#compacted = readable;
    return readable <= firstRevision ? 0 : readable;
  }

  async #isReadable(revision: Revision): Promise<boolean> {
    try {
      await this.#ask({ ...this.#nothing, revision });
      return true;
    } catch (error) {
      if (isHansaError(error, 'STORE_COMPACTED')) {
        return false;
      }
      throw error;
    }
  }

  get #nothing(): RangeRequest {
    return { key: this.#keys.noKey, countOnly: true };
  }

  #beyond(range: EtcdRange, after: Uint8Array, reverse: boolean): EtcdRange {
    const key = this.#keys.into(after);
    if (reverse) {
      return { key: range.key, rangeEnd: key };
    }
    const next = new Uint8Array(key.length + 1);
    next.set(key);
    return { key: next, rangeEnd: range.rangeEnd };
  }

  /** Asked for in parts where a part would be too large for one answer. */
  async #page(range: EtcdRange, asked: PageAsked): Promise<Page> {
    const { limit = storeLimits.scanEntriesMax, reverse = false, keysOnly = false } = asked;
    const entries: Entry[] = [];
    let rest = range;
    let revision = asked.revision;
    for (;;) {
      const request = {
        ...rest,
        limit: Math.min(limit - entries.length, this.#step),
        keysOnly,
        ...(reverse ? { sortOrder: sortDescending } : {}),
      };
      const answer = await this.#part(request, revision);
      revision ??= revisionOf(answer);
      entries.push(...answer.kvs.map((kv) => this.#keys.entry(kv)));
      const page = pageOf(entries);
      const last = entries.at(-1);
      this.#learn(page.isCut, page.entries.length);
      if (page.isCut || !answer.more || entries.length >= limit || last === undefined) {
        return { entries: page.entries, revision, isCut: page.isCut || answer.more };
      }
      rest = this.#beyond(range, last.key, reverse);
    }
  }

  /** What was fetched beyond a page was fetched in vain. */
  #learn(isCut: boolean, fitted: number): void {
    const step = isCut ? Math.max(2 * fitted, stepMin) : 2 * this.#step;
    this.#step = Math.min(step, storeLimits.scanEntriesMax);
  }

  async #part(
    request: RangeRequest & { readonly limit: number },
    revision: Revision | undefined,
  ): Promise<RangeResponse> {
    let { limit } = request;
    for (;;) {
      try {
        return await this.#range({ ...request, limit }, revision);
      } catch (error) {
        if (!(error instanceof CallFailure && error.isTooLarge) || limit === 1) {
          throw error;
        }
        limit = Math.ceil(limit / tooLargeDivisor);
      }
    }
  }

  async #range(request: RangeRequest, revision?: Revision): Promise<RangeResponse> {
    if (revision === undefined) {
      return this.#ask(request);
    }
    if (!Number.isSafeInteger(revision) || revision < 0) {
      throw await this.#future(revision);
    }
    try {
      return await this.#ask({ ...request, revision: Math.max(revision, firstRevision) });
    } catch (error) {
      if (isHansaError(error, 'STORE_COMPACTED')) {
        const compactRevision = await this.compactRevision();
        throw new HansaError('STORE_COMPACTED', `revision ${revision} is no longer kept`, {
          cause: error,
          facts: { revision, compactRevision },
        });
      }
      throw isHansaError(error, 'STORE_FUTURE_REVISION') ? await this.#future(revision) : error;
    }
  }

  async #future(revision: Revision): Promise<HansaError> {
    const head = await this.currentRevision();
    return new HansaError('STORE_FUTURE_REVISION', `there is no revision ${revision} yet`, {
      facts: { revision, head },
    });
  }

  #ask(request: RangeRequest): Promise<RangeResponse> {
    return this.#calls.again(rangeMethod, request);
  }
}

function readsOf(keys: readonly Uint8Array[], revision: Revision | undefined): TxnRequest {
  const at = revision === undefined ? {} : { revision };
  return { compare: [], success: keys.map((key) => ({ range: { key, ...at } })), failure: [] };
}

function revisionOf({ header }: RangeResponse): Revision {
  return header?.revision ?? 0;
}
