// Showing our own head to linked clusters, and keeping what they sign of it. A peer that has signed
// more than we have, or something else, knows a past of ours that we do not: that is told.
import {
  deadline,
  HansaError,
  isHansaError,
  remote,
  reportOf,
  type Clock,
  type ClusterId,
  type KeyValueStore,
  type Log,
  type WatchedTable,
} from '@hansa/foundation';
import type { Signer } from '../identity/contract.ts';
import type { Peers } from '../links/contract.ts';
import type { AuditTables, CountersignedRow } from './keys.ts';
import { firstHash, type AuditPoint, type Countersignature } from './record.ts';
import { requireCountersignature, signHead, type Checking } from './signing.ts';
import type { AuditChain } from './chain.ts';
import { auditPeerContract } from './wire.ts';
import type { AuditWriter } from './writing.ts';

export const showEveryMs = 30_000; // what is lost of a truncated audit is half a minute's, at most
const answerTimeoutMs = 10_000; // the peer signs and stores one record
const keptPerPeer = 8; // the newest commits to all before it; the others tell since when

export interface ShowingNeeds extends Checking {
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly signer: Signer;
  readonly peers: Pick<Peers, 'all' | 'connected' | 'observer'>;
  readonly tables: AuditTables;
  readonly countersigned: WatchedTable<CountersignedRow>;
  readonly writer: Pick<AuditWriter, 'tail'>;
  readonly chain: AuditChain;
  readonly everyMs?: number | undefined;
}

export interface Showing {
  run(signal: AbortSignal): Promise<void>;
  /** False where nothing was forked. */
  accept(cluster: ClusterId): Promise<boolean>;
}

export function createShowing(needs: ShowingNeeds): Showing {
  const { clock, peers, writer, everyMs = showEveryMs } = needs;
  /** By peer, what it has signed since it connected. */
  const shown = new Map<ClusterId, AuditPoint>();
  return {
    async run(signal) {
      for (;;) {
        const { tail } = writer;
        const here = peers.all().filter((each) => each.active && peers.connected(each.cluster));
        const connected = new Set(here.map(({ cluster }) => cluster));
        [...shown.keys()]
          .filter((peer) => !connected.has(peer))
          .forEach((peer) => shown.delete(peer));
        const due = [...connected].filter((peer) => shown.get(peer)?.hash !== tail?.hash);
        if (tail !== undefined && tail.sequence > 0) {
          await Promise.all(due.map((peer) => showTo(needs, { peer, tail, shown, signal })));
        }
        await clock.sleep(Math.min(everyMs, showEveryMs), signal);
      }
    },
    async accept(cluster) {
      shown.delete(cluster);
      const row = needs.countersigned.find(cluster)?.value;
      if (row?.fork !== undefined) {
        await keep(needs, cluster, { kept: [] });
      }
      return row?.fork !== undefined;
    },
  };
}

interface Turn {
  readonly peer: ClusterId;
  readonly tail: AuditPoint;
  readonly shown: Map<ClusterId, AuditPoint>;
  readonly signal: AbortSignal;
}

async function showTo(needs: ShowingNeeds, turn: Turn): Promise<void> {
  const { peer, tail, shown, signal } = turn;
  const limit = deadline(needs.clock, answerTimeoutMs, {
    reason: () => new HansaError('TIMED_OUT', 'the peer did not answer in time'),
    signal,
  });
  try {
    await exchange(needs, turn, limit.signal);
    shown.set(peer, tail);
  } catch (error) {
    // A peer of an older version knows no audits: it has nothing to sign.
    if (isHansaError(error, 'METHOD_UNKNOWN')) {
      shown.set(peer, tail);
    } else if (!signal.aborted) {
      needs.log.event('audit.unsigned', { peer, reason: reportOf(error).code });
    }
  } finally {
    limit.done();
  }
}

async function exchange(needs: ShowingNeeds, turn: Turn, signal: AbortSignal): Promise<void> {
  const { peer, tail } = turn;
  const wire = remote(auditPeerContract, needs.peers.observer(peer));
  const { countersignature } = await wire.last({}, { signal });
  if (countersignature !== undefined) {
    await take(needs, peer, countersignature);
  }
  const prior = await priorOf(needs, countersignature);
  const head = signHead(needs.signer, tail, { prior, atMs: needs.clock.now() });
  const answer = await wire.show({ head }, { signal });
  await take(needs, peer, answer.countersignature);
}

/** What we have where the peer signed last: what that is, it compares by itself. */
async function priorOf(
  { chain, crypto, signer }: ShowingNeeds,
  last: Countersignature | undefined,
): Promise<AuditPoint> {
  if (last === undefined) {
    return { sequence: 0, hash: firstHash(crypto, signer.cluster) };
  }
  const { sequence, hash } = last.head;
  // What was pruned meanwhile is not here to be looked at; that it was there, the peer has signed.
  return { sequence, hash: (await hashAt(chain, sequence)) ?? hash };
}

async function hashAt(chain: AuditChain, sequence: number): Promise<string | undefined> {
  const start = await chain.start();
  return start.sequence === sequence ? start.hash : (await chain.record(sequence))?.hash;
}

/** AUDIT_INVALID where it is not that peer's word on a head of ours. */
async function take(
  needs: ShowingNeeds,
  peer: ClusterId,
  countersignature: Countersignature,
): Promise<void> {
  const { head, witness } = countersignature;
  if (witness !== peer || head.cluster !== needs.signer.cluster) {
    throw new HansaError('AUDIT_INVALID', 'the countersignature is another one than was asked for');
  }
  requireCountersignature(needs, countersignature);
  const row = needs.countersigned.find(peer)?.value ?? { kept: [] };
  const fork = await contradiction(needs, countersignature);
  const isNew = row.kept.every(({ signature }) => signature !== countersignature.signature);
  if (isNew || (fork !== undefined && row.fork === undefined)) {
    const kept = isNew ? [...row.kept, countersignature].slice(-keptPerPeer) : row.kept;
    await keep(needs, peer, { kept, fork: row.fork ?? fork });
    if (fork !== undefined) {
      needs.log.event('audit.rewound', { peer, signed: head.sequence, here: fork.sequence });
    }
  }
}

/** Undefined where our own chain has what the peer signed, or had it before it was pruned. */
async function contradiction(
  { chain, clock }: ShowingNeeds,
  { head }: Countersignature,
): Promise<CountersignedRow['fork']> {
  const [tail, start] = await Promise.all([chain.tail(), chain.start()]);
  const here = tail?.sequence ?? 0;
  if (head.sequence < start.sequence) {
    return undefined;
  }
  const hash = await hashAt(chain, head.sequence);
  return hash === head.hash
    ? undefined
    : { sequence: Math.min(here, head.sequence), hash: hash ?? '', seenMs: clock.now() };
}

async function keep(
  { store, tables, countersigned }: ShowingNeeds,
  peer: ClusterId,
  row: CountersignedRow,
): Promise<void> {
  const { revision } = await store.batchWrite([tables.countersigned.put([peer], row)]);
  await countersigned.reached(revision);
}
