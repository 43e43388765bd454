// The one writer of our own audit. What waits while a record is being stored is stored with those
// that come meanwhile, in one change. What the store refuses waits and is tried again; while that
// lasts, `problem` says so, and gates let nothing through that must be audited.
import {
  HansaError,
  isHansaError,
  reportOf,
  type Clock,
  type Codec,
  type Crypto,
  type Log,
} from '@hansa/foundation';
import type { Signer } from '../identity/contract.ts';
import type { ChangeOp, ResourceLog } from '../resources/contract.ts';
import { auditId, auditKind, auditName } from './contract.ts';
import { readAnchor, readPoint, readRecord, recordKey, tailKey, anchorKey } from './keys.ts';
import { firstHash, nextRecord, type AuditPoint, type AuditSaid } from './record.ts';

// with the end of the chain, and what the log adds, below a transaction's 100 operations
export const recordsPerChangeMax = 80;
export const auditWaitingMax = 10_000; // records held in memory while the store refuses: some MiB
export const auditRecordsMax = 1_000_000; // about half a gigabyte, with their changes and digests
const againMs = 1_000; // a full disk is noticed to be free within a second

export interface WritingNeeds {
  readonly codec: Codec;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly log: Log;
  readonly signer: Signer;
  readonly resources: ResourceLog;
  /** How many records there may be; a test has fewer. */
  readonly recordsMax?: number | undefined;
}

/** What is said of an act whose time is now. */
export type Said = Omit<AuditSaid, 'atMs' | 'sinceMs'> & { readonly sinceMs?: number };

export interface AuditWriter {
  /**
   * Resolves when it is stored, or when the store has refused it for now. Never rejects. `stored`
   * is called only when it is.
   */
  write(said: Said, stored?: () => void): Promise<void>;
  /** Other writes to the resource, while no record is written. */
  alone(ops: readonly ChangeOp[]): Promise<void>;
  /** Why nothing can be written at present. */
  problem(): HansaError | undefined;
  /** Where the chain ends, as far as it is stored; undefined before it was looked at. */
  readonly tail: AuditPoint | undefined;
  /** How many records there are. */
  readonly count: number;
  /** The sequence below which records were removed. */
  removedTo(sequence: number): void;
  subscribe(written: () => void): () => void;
  start(): Promise<void>;
  /** Writes what waits, as far as the store takes it. */
  stop(): Promise<void>;
}

interface Waiting {
  readonly said: AuditSaid;
  done(): void;
  readonly stored?: (() => void) | undefined;
}

interface Chain {
  tail: AuditPoint;
  atMs: number;
  anchored: number;
}

export function createWriter(needs: WritingNeeds): AuditWriter {
  return new Writer(needs);
}

class Writer implements AuditWriter {
  readonly #needs: WritingNeeds;
  readonly #waiting: Waiting[] = [];
  readonly #listeners = new Set<() => void>();
  readonly #stopping = new AbortController();
  #chain: Chain | undefined;
  #failure: HansaError | undefined;
  #lost = 0;
  #draining: Promise<void> | undefined;

  constructor(needs: WritingNeeds) {
    this.#needs = needs;
  }

  get tail(): AuditPoint | undefined {
    return this.#chain?.tail;
  }

  get count(): number {
    return this.#chain === undefined ? 0 : this.#chain.tail.sequence - this.#chain.anchored;
  }

  removedTo(sequence: number): void {
    if (this.#chain !== undefined) {
      this.#chain.anchored = Math.max(this.#chain.anchored, sequence);
    }
  }

  subscribe(written: () => void): () => void {
    this.#listeners.add(written);
    return () => this.#listeners.delete(written);
  }

  problem(): HansaError | undefined {
    const { recordsMax = auditRecordsMax } = this.#needs;
    if (this.count >= recordsMax) {
      return new HansaError('AUDIT_FULL', `the audit has ${this.count} records and takes no more`);
    }
    return this.#waiting.length >= auditWaitingMax
      ? new HansaError('AUDIT_UNAVAILABLE', 'too many records wait to be written')
      : this.#failure;
  }

  write(said: Said, stored?: () => void): Promise<void> {
    const nowMs = this.#needs.clock.now();
    const full = this.problem() !== undefined && this.#waiting.length >= auditWaitingMax;
    // A prune must be told even of a full audit: it is how room is made.
    const over = this.problem()?.code === 'AUDIT_FULL' && !said.act.startsWith('audit.');
    if (full || over || this.#stopping.signal.aborted) {
      this.#lost += said.count;
      return Promise.resolve();
    }
    return new Promise((done) => {
      const atMs = Math.max(nowMs, said.sinceMs ?? 0);
      this.#waiting.push({ said: { ...said, atMs, sinceMs: said.sinceMs ?? atMs }, done, stored });
      this.#drainSoon();
    });
  }

  async alone(ops: readonly ChangeOp[]): Promise<void> {
    const { resources, signer } = this.#needs;
    await resources.append(auditId, ops, { author: signer.cluster });
  }

  async start(): Promise<void> {
    this.#chain = await this.#readChain();
  }

  async stop(): Promise<void> {
    await this.#draining;
    if (this.#waiting.length > 0) {
      await this.#writeGroup().catch(() => undefined);
    }
    this.#stopping.abort(new HansaError('SHUTTING_DOWN', 'the audit is closed'));
    this.#waiting.splice(0).forEach(({ done }) => done());
  }

  #drainSoon(): void {
    this.#draining ??= this.#drain().finally(() => {
      this.#draining = undefined;
      if (this.#waiting.length > 0 && this.#failure === undefined) {
        this.#drainSoon();
      }
    });
  }

  async #drain(): Promise<void> {
    while (this.#waiting.length > 0) {
      try {
        await this.#writeGroup();
        this.#setFailure(undefined);
        this.#tellLost();
      } catch (error) {
        if (isHansaError(error, 'CONFLICT')) {
          this.#chain = undefined; // a prune came between: what it left is read anew
          continue;
        }
        this.#setFailure(error);
        // Who waits for an answer gets it; what they did is written as soon as it can be.
        this.#waiting.forEach(({ done }) => done());
        void this.#again();
        return;
      }
    }
  }

  async #again(): Promise<void> {
    const { signal } = this.#stopping;
    await this.#needs.clock.sleep(againMs, signal).then(
      () => this.#drainSoon(),
      () => undefined,
    );
  }

  #setFailure(error: unknown): void {
    const { log } = this.#needs;
    if (error === undefined) {
      if (this.#failure !== undefined) {
        log.event('audit.writes-again');
      }
      this.#failure = undefined;
      return;
    }
    // What was sent may have been stored: the chain is read anew before anything follows it.
    this.#chain = undefined;
    if (this.#failure === undefined) {
      log.problem('audit.unwritten', error);
    }
    const { message } = reportOf(error);
    this.#failure = new HansaError('AUDIT_UNAVAILABLE', `the audit is not written: ${message}`, {
      cause: error,
    });
  }

  #tellLost(): void {
    const count = this.#lost;
    if (count > 0 && this.problem() === undefined) {
      this.#lost = 0;
      const none = { via: '', source: '', permission: '', target: '' };
      const said = { ...none, principal: 'node', act: 'audit.lost', outcome: 'AUDIT_UNAVAILABLE' };
      void this.write({ ...said, count, facts: {} });
    }
  }

  async #writeGroup(): Promise<void> {
    const { codec, crypto, resources, signer } = this.#needs;
    const group = this.#waiting.slice(0, recordsPerChangeMax);
    const chain = await this.#present();
    let { tail, atMs } = chain;
    const ops = group.map(({ said }): ChangeOp => {
      // A clock that was set back must not date a record before the one that it follows.
      atMs = Math.max(atMs, said.atMs);
      const record = nextRecord(crypto, tail, { ...said, atMs });
      tail = { sequence: record.sequence, hash: record.hash };
      return put(recordKey(record.sequence), codec.encode(record));
    });
    const expect = resources.point(auditId)?.sequence;
    const all = [...ops, put(tailKey, codec.encode(tail))];
    await resources.append(auditId, all, { author: signer.cluster, expect });
    this.#chain = { ...chain, tail, atMs };
    for (const { done, stored } of this.#waiting.splice(0, group.length)) {
      stored?.();
      done();
    }
    this.#listeners.forEach((listener) => listener());
  }

  async #present(): Promise<Chain> {
    const { resources } = this.#needs;
    if (resources.find(auditId) === undefined) {
      await resources.create({
        kind: auditKind,
        name: auditName,
        description: 'who did what here, and what became of it',
      });
      this.#chain = undefined;
    }
    this.#chain ??= await this.#readChain();
    return this.#chain ?? this.#firstChain();
  }

  #firstChain(): Chain {
    const { crypto, signer } = this.#needs;
    const tail = { sequence: 0, hash: firstHash(crypto, signer.cluster) };
    return { tail, atMs: 0, anchored: 0 };
  }

  /** Undefined where there is no audit yet; what it ends with, where there is. */
  async #readChain(): Promise<Chain | undefined> {
    const { codec, resources } = this.#needs;
    if (resources.find(auditId) === undefined) {
      return undefined;
    }
    const [end, anchor] = await Promise.all([
      resources.entry(auditId, tailKey),
      resources.entry(auditId, anchorKey),
    ]);
    if (end === undefined) {
      return this.#firstChain();
    }
    const tail = readPoint(codec, end.value);
    if (tail === undefined) {
      throw new HansaError('STORE_DAMAGED', 'the end of the audit is not readable');
    }
    const anchored = anchor === undefined ? 0 : (readAnchor(codec, anchor.value)?.sequence ?? 0);
    const last = await resources.entry(auditId, recordKey(tail.sequence));
    const atMs = last === undefined ? 0 : (readRecord(codec, last.value)?.atMs ?? 0);
    return { tail, atMs, anchored };
  }
}

function put(key: Uint8Array, value: Uint8Array): ChangeOp {
  return { put: { key, value, blobs: [] } };
}
