// How far named consumers have come, kept where they read: of own streams and of mirrors.
import {
  HansaError,
  type Clock,
  type Codec,
  type FederatedId,
  type KeyValueStore,
} from '@hansa/foundation';
import { consumersMax, type Consumer } from './contract.ts';
import { consumerTable, type StoredConsumer, type StreamState } from './keys.ts';

const attemptsMax = 128; // every lost one is another's acknowledgement

export interface Consumers {
  /** After which sequence it goes on; undefined for one that is new, or new in this epoch. */
  acked(
    at: { readonly resource: FederatedId; readonly epoch: number },
    name: string,
  ): Promise<number | undefined>;
  ack(at: Standing, name: string, sequence: number): Promise<Consumer>;
  list(at: Standing): Promise<readonly Consumer[]>;
  /** CONSUMER_NOT_FOUND. */
  forget(at: Standing, name: string): Promise<Consumer>;
  /** All of an epoch that is gone. */
  drop(resource: FederatedId, epoch: number): Promise<void>;
}

/** A stream as it stands. */
export interface Standing {
  readonly resource: FederatedId;
  readonly epoch: number;
  readonly state: StreamState;
}

export function createConsumers(needs: {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly clock: Clock;
}): Consumers {
  const { store, clock } = needs;
  const table = consumerTable(store, needs.codec);
  const rows = async (resource: FederatedId): Promise<[string, StoredConsumer][]> => {
    const found: [string, StoredConsumer][] = [];
    for await (const { key, value } of table.rows(resource)) {
      found.push([String(key[1]), value]);
    }
    return found;
  };
  const requireRoom = async (resource: FederatedId): Promise<void> => {
    if ((await rows(resource)).length >= consumersMax) {
      throw new HansaError('STORE_LIMIT', `a stream has at most ${consumersMax} consumers here`, {
        fix: 'hansa stream forget <stream> --consumer <name>',
      });
    }
  };
  return {
    async acked({ resource, epoch }, name) {
      const row = await table.get(resource, name);
      return row?.value.epoch === epoch ? row.value.acked : undefined;
    },
    async ack(at, name, sequence) {
      const { resource, epoch, state } = at;
      if (sequence > state.last) {
        throw new HansaError('INPUT_INVALID', `there is no message ${sequence} yet`, {
          facts: { last: state.last },
        });
      }
      for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
        const row = await table.get(resource, name);
        if (row === undefined) {
          await requireRoom(resource);
        } else if (row.value.epoch === epoch && row.value.acked >= sequence) {
          return shown(at, name, row.value);
        }
        const stored = { epoch, acked: sequence, updatedMs: clock.now() };
        const key = table.key(resource, name);
        const value = needs.codec.encode(stored);
        const expect = { modRevision: row?.modRevision ?? 0 };
        if ((await store.compareAndSet(key, expect, value)).ok) {
          return shown(at, name, stored);
        }
      }
      throw new HansaError('CONFLICT', `too many acknowledge as ${name} at the same time`);
    },
    list: async (at) => (await rows(at.resource)).map(([name, stored]) => shown(at, name, stored)),
    async forget(at, name) {
      const row = await table.get(at.resource, name);
      if (row === undefined) {
        throw unknown(at, name);
      }
      await store.batchWrite([table.delete([at.resource, name])]);
      return shown(at, name, row.value);
    },
    async drop(resource, epoch) {
      const gone = (await rows(resource)).filter(([, stored]) => stored.epoch <= epoch);
      // `consumersMax` of them are two transactions.
      for (let at = 0; at < gone.length; at += store.limits.transactionOpsMax) {
        const part = gone.slice(at, at + store.limits.transactionOpsMax);
        await store.batchWrite(part.map(([name]) => table.delete([resource, name])));
      }
    },
  };
}

function unknown({ resource }: Standing, name: string): HansaError {
  return new HansaError('CONSUMER_NOT_FOUND', `no consumer ${name} has read ${resource}`);
}

function shown({ epoch, state }: Standing, consumer: string, stored: StoredConsumer): Consumer {
  const acked = stored.epoch === epoch ? stored.acked : 0;
  const pending = Math.max(0, state.last - Math.max(acked, state.first - 1));
  return { consumer, acked, pending, updatedMs: stored.updatedMs };
}
