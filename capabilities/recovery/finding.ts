// Finds out that we are behind our own past: a peer says with its beats what it holds of ours, and
// where that is more than we have, it is asked for our own signature under it. A claim alone moves
// nothing.
import {
  equalBytes,
  HansaError,
  remote,
  reportOf,
  splitFederatedId,
  type Clock,
  type ClusterId,
  type FederatedId,
  type KeyValueStore,
  type LocalId,
  type Log,
  type Table,
  type WatchedTable,
} from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import type { Head, History, Position, ResourceLog } from '../resources/contract.ts';
import type { HeldPosition } from '../sync/contract.ts';
import type { RewindCause } from './contract.ts';
import type { RewoundRecord } from './keys.ts';
import { recoveryPeerContract, witnessedMax } from './wire.ts';

export interface FindingNeeds {
  readonly cluster: ClusterId;
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly peers: Peers;
  readonly resources: ResourceLog;
  readonly history: History;
  readonly table: Table<RewoundRecord>;
  readonly rewound: WatchedTable<RewoundRecord>;
  /** Called when a peer has been looked at. */
  readonly onLooked?: (() => void) | undefined;
}

export interface Finding {
  /** Whether the peer has said what it holds, and all of it was looked at. */
  looked(peer: ClusterId): boolean;
  heard(peer: ClusterId, rows: readonly HeldPosition[]): void;
}

export function createFinding(needs: FindingNeeds): Finding {
  // Beats come every two seconds; one look at a time, and none at what has been looked at.
  const busy = new Set<ClusterId>();
  const settled = new Map<ClusterId, readonly HeldPosition[]>();
  return {
    looked: (peer) => settled.has(peer),
    heard(peer, rows) {
      if (busy.has(peer) || settled.get(peer) === rows) {
        return;
      }
      busy.add(peer);
      look(needs, peer, { rows, first: !settled.has(peer) })
        .then(
          () => {
            settled.set(peer, rows);
            needs.onLooked?.();
          },
          (error: unknown) =>
            needs.log.event('recovery.unproven', { peer, reason: reportOf(error).code }),
        )
        .finally(() => busy.delete(peer));
    },
  };
}

async function look(
  needs: FindingNeeds,
  peer: ClusterId,
  given: { readonly rows: readonly HeldPosition[]; readonly first: boolean },
): Promise<void> {
  const doubtful: FederatedId[] = [];
  for (const row of given.rows) {
    const { owner, local } = splitFederatedId(row.resource);
    const known = needs.rewound.find(local)?.value.head;
    const newer = known === undefined || isLater(row, known);
    if (owner !== needs.cluster || !newer) {
      continue;
    }
    const cause = await causeOf(needs, local, row);
    // At first meeting, a copy behind us is asked for its chain: sequences alone may be the same
    // by accident. Afterwards it has come from us under our eyes.
    if (cause !== undefined || (given.first && (await isBehind(needs, local, row)))) {
      doubtful.push(row.resource);
    }
  }
  for (let at = 0; at < doubtful.length; at += witnessedMax) {
    await ask(needs, peer, doubtful.slice(at, at + witnessedMax));
  }
}

function isLater(
  a: { readonly epoch: number; readonly sequence: number },
  b: { readonly epoch: number; readonly sequence: number },
): boolean {
  return a.epoch > b.epoch || (a.epoch === b.epoch && a.sequence > b.sequence);
}

async function ask(
  needs: FindingNeeds,
  peer: ClusterId,
  resources: readonly FederatedId[],
): Promise<void> {
  const { peers, history, log } = needs;
  const { heads } = await remote(recoveryPeerContract, peers.observer(peer)).witness({
    resources,
  });
  for (const [index, resource] of resources.entries()) {
    const head = heads[index];
    if (head === null || head === undefined || head.resource !== resource) {
      continue; // it does not hold what it said: nothing is proven
    }
    try {
      history.verify(head);
    } catch (error) {
      log.problem('recovery.false-head', error, { peer, resource });
      continue;
    }
    await take(needs, peer, head);
  }
}

async function isBehind(
  { resources }: FindingNeeds,
  local: LocalId,
  { epoch, sequence }: HeldPosition,
): Promise<boolean> {
  const position = await resources.position(local);
  return position?.epoch === epoch && sequence < position.sequence;
}

/** Our own signature under a history that is not ours: from now on nothing of it is published. */
async function take(needs: FindingNeeds, peer: ClusterId, head: Head): Promise<void> {
  const { store, table, rewound, clock, log, resources } = needs;
  const { local } = splitFederatedId(head.resource);
  const cause = await causeOf(needs, local, head);
  if (cause === undefined) {
    return;
  }
  const position = await resources.position(local);
  const here =
    position === undefined ? undefined : { epoch: position.epoch, sequence: position.sequence };
  const record: RewoundRecord = { cause, head, here, peer, foundMs: clock.now() };
  const before = rewound.find(local);
  const result = await store.transact({
    if: [
      {
        key: table.key(local),
        target: 'modRevision',
        op: '=',
        operand: before?.modRevision ?? 0,
      },
    ],
    then: [table.put([local], record)],
  });
  if (result.succeeded) {
    await rewound.reached(result.revision);
    const { epoch, sequence } = head;
    log.problem('recovery.rewound', rewoundError(local, record), { peer, epoch, sequence });
  }
}

export function rewoundError(id: LocalId, { head, here, cause }: RewoundRecord): HansaError {
  const stands = here === undefined ? 'is not here' : `stands at ${here.epoch}/${here.sequence}`;
  const held = `${head.epoch}/${head.sequence}, which we had signed`;
  const sentence =
    cause === 'forked'
      ? `a peer holds ${held}, and our history of ${id} never had it`
      : `${id} ${stands}, behind ${held} and a peer holds: was an old backup restored?`;
  return new HansaError('RESOURCE_REWOUND', sentence, {
    fix: 'hansa recover list',
    facts: { resource: id, epoch: head.epoch, sequence: head.sequence },
  });
}

interface HeldPoint {
  readonly epoch: number;
  readonly sequence: number;
  readonly digest: Uint8Array;
  /** Of a head; a claim has none. */
  readonly chain?: Uint8Array | undefined;
}

/** Why a position that a peer holds cannot be of our history; undefined where it is. */
async function causeOf(
  needs: FindingNeeds,
  local: LocalId,
  held: HeldPoint,
): Promise<RewindCause | undefined> {
  const { resources } = needs;
  const last = resources.lastEpoch(local);
  if (last === undefined) {
    return 'missing';
  }
  if (held.epoch > last) {
    return 'behind';
  }
  const position = await resources.position(local);
  // What was removed here, or begun anew, is no history that anybody could be ahead of.
  if (position === undefined || held.epoch < position.epoch) {
    return undefined;
  }
  if (held.sequence > position.sequence) {
    return 'behind';
  }
  const same =
    held.sequence === position.sequence
      ? equalBytes(held.digest, position.digest)
      : await leadsHere(needs, local, { held, position });
  return same ? undefined : 'forked';
}

/** Whether our changes after the held point lead from its chain to ours. */
async function leadsHere(
  { resources, history }: FindingNeeds,
  local: LocalId,
  { held, position }: { readonly held: HeldPoint; readonly position: Position },
): Promise<boolean> {
  const { epoch, sequence } = held;
  // What is compacted away cannot be compared, and is believed.
  if (held.chain === undefined || sequence < (await resources.keptAfter(local))) {
    return true;
  }
  // No further than to the next point whose chain is known: a thousand changes at most.
  const target = (await firstOf(resources.checkpoints(local, { epoch, sequence }))) ?? position;
  let { chain } = held;
  let previous = sequence;
  for await (const { change, sequence: at } of resources.changes(local, { epoch, sequence })) {
    if (change.previous !== previous) {
      return false;
    }
    chain = history.nextChain(chain, change);
    previous = at;
    if (at >= target.sequence) {
      return at === target.sequence && equalBytes(chain, target.chain);
    }
  }
  return false;
}

async function firstOf<T>(items: AsyncIterable<T>): Promise<T | undefined> {
  for await (const item of items) {
    return item;
  }
  return undefined;
}
