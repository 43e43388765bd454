// Being shown heads of other clusters' audits: what continues what was shown before is signed and
// remembered; what contradicts it is remembered beside it, and nothing more is signed.
import {
  callingCluster,
  HansaError,
  type Call,
  type Clock,
  type ClusterId,
  type KeyValueStore,
  type Log,
  type WatchedTable,
} from '@hansa/foundation';
import type { Signer } from '../identity/contract.ts';
import type { Peers } from '../links/contract.ts';
import type { AuditTables, WitnessedRow } from './keys.ts';
import type { AuditHead } from './record.ts';
import { countersign, requireHead, type Checking } from './signing.ts';
import type { AuditPeer } from './wire.ts';

const aheadMs = 60_000; // clocks differ by so much, as everywhere

export interface WitnessingNeeds extends Checking {
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly signer: Signer;
  readonly peers: Pick<Peers, 'standing'>;
  readonly tables: AuditTables;
  readonly witnessed: WatchedTable<WitnessedRow>;
}

export interface Witnessing {
  readonly peer: AuditPeer;
  /** From the other head on; false where nothing was forked. */
  accept(cluster: ClusterId): Promise<boolean>;
}

export function createWitnessing(needs: WitnessingNeeds): Witnessing {
  const { witnessed } = needs;
  return {
    peer: {
      async last(_input, call) {
        const row = witnessed.find(linkedCaller(needs, call));
        return row === undefined ? {} : { countersignature: row.value.countersignature };
      },
      show: async ({ head }, call) => show(needs, linkedCaller(needs, call), head),
    },
    async accept(cluster) {
      const row = witnessed.find(cluster)?.value;
      if (row?.fork === undefined) {
        return false;
      }
      const { other } = row.fork;
      const countersignature = countersign(needs.signer, other, needs.clock.now());
      await keep(needs, cluster, { countersignature });
      return true;
    },
  };
}

function linkedCaller({ peers }: WitnessingNeeds, call: Call | undefined): ClusterId {
  const caller = callingCluster(call);
  if (!peers.standing(caller).active) {
    throw new HansaError('LINK_NOT_FOUND', 'no link is confirmed between these clusters');
  }
  return caller;
}

async function show(
  needs: WitnessingNeeds,
  cluster: ClusterId,
  head: AuditHead,
): ReturnType<AuditPeer['show']> {
  const nowMs = needs.clock.now();
  if (head.cluster !== cluster) {
    throw new HansaError(
      'AUDIT_INVALID',
      'the head is of another cluster than the one that shows it',
    );
  }
  if (head.atMs > nowMs + aheadMs) {
    throw new HansaError('CLOCK_AHEAD', 'the head is dated in the future');
  }
  requireHead(needs, head);
  const row = needs.witnessed.find(cluster)?.value;
  const known = row?.countersignature.head;
  if (row?.fork !== undefined) {
    throw forked(cluster, row.countersignature.head, row.fork.other);
  }
  if (row !== undefined && known !== undefined) {
    if (head.sequence === known.sequence && head.hash === known.hash) {
      return { countersignature: row.countersignature };
    }
    await requireContinues(needs, { cluster, row, head });
  }
  const countersignature = countersign(needs.signer, head, nowMs);
  await keep(needs, cluster, { countersignature });
  return { countersignature };
}

async function requireContinues(
  needs: WitnessingNeeds,
  given: { readonly cluster: ClusterId; readonly row: WitnessedRow; readonly head: AuditHead },
): Promise<void> {
  const { cluster, row, head } = given;
  const known = row.countersignature.head;
  const behind = head.sequence < known.sequence;
  const samePrior = head.prior.sequence === known.sequence;
  if (behind ? head.atMs <= known.atMs : head.sequence > known.sequence && !samePrior) {
    throw new HansaError('CONFLICT', 'the head does not go on from what was countersigned last', {
      fix: 'ask what that was, and show a head that names it',
    });
  }
  if (behind || head.sequence === known.sequence || head.prior.hash !== known.hash) {
    const fork = { other: head, seenMs: needs.clock.now() };
    await keep(needs, cluster, { ...row, fork });
    const { sequence } = head;
    needs.log.event('audit.forked', { cluster, held: known.sequence, shown: sequence });
    throw forked(cluster, known, head);
  }
}

export function forked(cluster: ClusterId, held: AuditHead, other: AuditHead): HansaError {
  return new HansaError(
    'AUDIT_FORKED',
    `cluster ${cluster.slice(0, 8)} has signed two audits: one with ${held.sequence} records ` +
      `(…${held.hash.slice(-8)}), and later one with ${other.sequence} (…${other.hash.slice(-8)})`,
    { facts: { held: held.sequence, shown: other.sequence } },
  );
}

async function keep(
  { store, tables, witnessed }: WitnessingNeeds,
  cluster: ClusterId,
  row: WitnessedRow,
): Promise<void> {
  const { revision } = await store.batchWrite([tables.witnessed.put([cluster], row)]);
  await witnessed.reached(revision);
}
