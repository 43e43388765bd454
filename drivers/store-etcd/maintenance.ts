// What etcd needs from time to time: history compacted, files defragmented, alarms looked at.
// Whoever is told to does it, one of a cluster's nodes.
import {
  fromUtf8,
  HansaError,
  historyKept,
  reportOf,
  utf8,
  type ErrorReport,
  type HistoryKept,
  type Revision,
} from '@hansa/foundation';
import type { Calls } from './calls.ts';
import { CallFailure, unavailable } from './failures.ts';
import type { Keyspace } from './keyspace.ts';
import { alarmAction, alarmKind, type StatusResponse } from './messages-maintenance.ts';
import {
  alarmMethod,
  compactMethod,
  defragmentMethod,
  putMethod,
  rangeMethod,
  statusMethod,
} from './methods.ts';
import type { Reads } from './reads.ts';

const lookEveryMs = 300_000; // history is kept at least this much longer than its bounds
// gigabytes on a slow disk; the member answers nobody meanwhile
const defragmentTimeoutMs = 120_000;

/** Where history was, and when by the wall clock: kept in the store, since nodes come and go. */
interface Mark {
  readonly atMs: number;
  readonly revision: Revision;
}

export interface Defragmented {
  readonly endpoint: string;
  readonly bytesBefore: number;
  readonly bytesAfter: number;
}

export class Maintenance {
  readonly #calls: Calls;
  readonly #keys: Keyspace;
  readonly #reads: Reads;
  readonly #history: HistoryKept;

  constructor(needs: {
    readonly calls: Calls;
    readonly keys: Keyspace;
    readonly reads: Reads;
    readonly history?: HistoryKept | undefined;
  }) {
    this.#calls = needs.calls;
    this.#keys = needs.keys;
    this.#reads = needs.reads;
    this.#history = needs.history ?? historyKept;
  }

  async size(): Promise<{ readonly sizeBytes: number; readonly problem?: ErrorReport }> {
    const status = await this.#calls.again(statusMethod, {});
    const problem = problemOf(status);
    const sizeBytes = status.dbSize;
    return problem === undefined ? { sizeBytes } : { sizeBytes, problem };
  }

  async compact(revision: Revision): Promise<void> {
    await this.#reads.assertExists(revision);
    if (revision < 1) {
      return;
    }
    try {
      await this.#calls.again(compactMethod, { revision });
    } catch (error) {
      if (!(error instanceof HansaError && error.code === 'STORE_COMPACTED')) {
        throw error;
      }
      // It is compacted further than that already.
    }
  }

  /** Forgets history beyond its bounds, until the signal aborts; problems go to the log. */
  async keepCompacting(signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#calls;
    while (!signal.aborted) {
      try {
        await this.compactOnce();
      } catch (error) {
        if (!signal.aborted) {
          log.problem('etcd.compaction-failed', error);
        }
      }
      await clock.sleep(lookEveryMs, signal).catch(() => undefined); // an abort ends the loop
    }
  }

  /** One step of it: notes where history is now, and compacts what is beyond both bounds. */
  async compactOnce(): Promise<void> {
    const nowMs = this.#calls.clock.now();
    const revision = await this.#reads.currentRevision();
    const marks = (await this.#marks()).filter(({ atMs }) => atMs <= nowMs);
    const old = marks.filter(({ atMs }) => nowMs - atMs >= this.#history.ms);
    const oldest = old.at(-1);
    const target = Math.min(oldest?.revision ?? 0, revision - this.#history.revisions);
    if (target > 0) {
      await this.compact(target);
    }
    const kept = marks.filter((mark) => mark === oldest || !old.includes(mark));
    const text = JSON.stringify([...kept, { atMs: nowMs, revision }]);
    await this.#calls.again(putMethod, { key: this.#keys.historyKey, value: utf8(text) });
  }

  async #marks(): Promise<readonly Mark[]> {
    const answer = await this.#calls.again(rangeMethod, { key: this.#keys.historyKey });
    const [kv] = answer.kvs;
    return kv === undefined ? [] : marksOf(fromUtf8(kv.value));
  }

  /** One member after the other, each of which answers nobody meanwhile; the leader comes last. */
  async defragment(): Promise<readonly Defragmented[]> {
    const timeoutMs = this.#calls.times.attemptMs;
    const statusOf = (member: Calls['current']): Promise<StatusResponse> =>
      this.#calls.onceAt(member, statusMethod, { question: {}, timeoutMs });
    const done: Defragmented[] = [];
    try {
      const found = [];
      for (const member of this.#calls.members) {
        const status = await statusOf(member);
        found.push({ member, status, leads: status.leader === status.header?.memberId });
      }
      for (const { member, status } of found.toSorted((a, b) => +a.leads - +b.leads)) {
        const request = { question: {}, timeoutMs: defragmentTimeoutMs };
        await this.#calls.onceAt(member, defragmentMethod, request);
        const { dbSize } = await statusOf(member);
        const { endpoint } = member;
        done.push({ endpoint, bytesBefore: status.dbSize, bytesAfter: dbSize });
      }
    } catch (error) {
      throw error instanceof CallFailure ? unavailable(error) : error;
    }
    return done;
  }

  /** Takes back the alarm of a full quota, once there is room again; else it comes back at once. */
  async disarm(): Promise<void> {
    const get = { action: alarmAction.get, memberId: '', alarm: 0 };
    const { alarms } = await this.#calls.again(alarmMethod, get);
    for (const { memberId, alarm } of alarms) {
      if (alarm === alarmKind.noSpace) {
        const disarm = { action: alarmAction.disarm, memberId, alarm };
        await this.#calls.again(alarmMethod, disarm);
      }
    }
  }
}

function problemOf({ errors }: StatusResponse): ErrorReport | undefined {
  const told = errors.join('; ');
  if (told.includes('CORRUPT')) {
    return reportOf(new HansaError('STORE_DAMAGED', `a member of etcd is damaged: ${told}`));
  }
  return told.includes('NOSPACE')
    ? reportOf(new HansaError('STORE_FULL', 'etcd is over its quota: it takes no writes'))
    : undefined;
}

/** What cannot be read is as good as not there: history is then kept for longer. */
function marksOf(text: string): readonly Mark[] {
  let read: unknown;
  try {
    read = JSON.parse(text);
  } catch {
    return [];
  }
  return Array.isArray(read) ? read.filter(isMark) : [];
}

function isMark(value: unknown): value is Mark {
  const { atMs, revision } = (value ?? {}) as Partial<Mark>;
  return Number.isSafeInteger(atMs) && Number.isSafeInteger(revision);
}
