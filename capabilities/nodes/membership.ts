// How a node becomes one of a cluster's, and tells the others that it is there: on the store alone,
// so that it takes no other node to be up.
import {
  HansaError,
  isHansaError,
  toHex,
  type Clock,
  type Codec,
  type Crypto,
  type KeyValueStore,
  type LeaseId,
  type Log,
  type NodeId,
} from '@hansa/foundation';
import { presenceSeconds, type NodeMode } from './contract.ts';
import { nodeTables, type MemberRecord, type PresenceRecord } from './keys.ts';

const renewMs: number = (presenceSeconds * 1_000) / 4; // three may be lost
const againMs = 500; // the store may be looking for a leader

export interface Joined {
  /** To be opened with the ticket's secret. */
  readonly sealed: Uint8Array;
}

/** Uses the ticket up, and makes the node a member; NODE_TICKET_INVALID. */
export async function claimTicket(
  needs: {
    readonly store: KeyValueStore;
    readonly codec: Codec;
    readonly crypto: Crypto;
    readonly clock: Clock;
  },
  given: { readonly secret: Uint8Array; readonly node: NodeId; readonly name: string },
): Promise<Joined> {
  const { store, codec, crypto, clock } = needs;
  const tables = nodeTables(store, codec);
  const hash = toHex(crypto.hash(given.secret));
  const ticket = await tables.tickets.get(hash);
  if (ticket === undefined || ticket.value.expiresMs <= clock.now()) {
    throw new HansaError('NODE_TICKET_INVALID', 'this ticket was used, or has expired');
  }
  const { node, name } = given;
  const member: MemberRecord = { node, name, mode: 'serving', joinedMs: clock.now() };
  const key = tables.tickets.key(hash);
  const { succeeded } = await store.transact({
    if: [{ key, target: 'modRevision', op: '=', operand: ticket.modRevision }],
    then: [tables.tickets.delete([hash]), tables.members.put([node], member)],
  });
  if (!succeeded) {
    throw new HansaError('NODE_TICKET_INVALID', 'this ticket was used at the same moment');
  }
  return { sealed: ticket.value.sealed };
}

/** Keeps the row of a node that is there, until the signal aborts; then it is gone at once. */
export async function keepPresence(
  needs: {
    readonly store: KeyValueStore;
    readonly codec: Codec;
    readonly clock: Clock;
    readonly log: Log;
  },
  presence: () => PresenceRecord,
  signal: AbortSignal,
): Promise<void> {
  const { store, codec, clock, log } = needs;
  const { presence: rows } = nodeTables(store, codec);
  let lease: LeaseId | undefined;
  while (!signal.aborted) {
    let waitMs = renewMs;
    try {
      if (lease === undefined) {
        const { id } = await store.leaseGrant(presenceSeconds);
        const record = presence();
        await store.set(rows.key(record.node), codec.encode(record), { lease: id });
        lease = id;
      } else {
        await store.leaseKeepAlive(lease);
      }
    } catch (error) {
      lease = isHansaError(error, 'STORE_LEASE_NOT_FOUND') ? undefined : lease;
      waitMs = againMs;
      log.event('nodes.presence-failed', { reason: String(error) });
    }
    await clock.sleep(waitMs, signal).catch(() => undefined);
  }
  if (lease !== undefined) {
    await store.leaseRevoke(lease).catch(() => undefined);
  }
}

/** What this node was told to do, now and whenever that changes; undefined once it was removed. */
export async function* ownMode(
  needs: { readonly store: KeyValueStore; readonly codec: Codec; readonly clock: Clock },
  node: NodeId,
  signal: AbortSignal,
): AsyncIterable<NodeMode | undefined> {
  const { store, clock } = needs;
  const { members } = nodeTables(store, needs.codec);
  const key = members.key(node);
  while (!signal.aborted) {
    try {
      const { entry, revision } = await store.get(key);
      yield entry === null ? undefined : members.row(entry).value.mode;
      for await (const batch of store.watch({ key }, { from: revision, signal })) {
        for (const event of 'events' in batch ? batch.events : []) {
          yield event.entry === null ? undefined : members.row(event.entry).value.mode;
        }
      }
    } catch {
      if (signal.aborted) {
        return;
      }
      await clock.sleep(againMs, signal).catch(() => undefined);
    }
  }
}
