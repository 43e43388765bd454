// Leases, with ids of our own choice: one that etcd chose could be larger than what every program
// on the way can count to, and a grant whose answer was lost can be asked for again.
import {
  compareBytes,
  HansaError,
  isHansaError,
  storeLimits,
  toHex,
  type LeaseId,
  type Random,
} from '@hansa/foundation';
import type { Calls } from './calls.ts';
import { CallFailure } from './failures.ts';
import { status } from './grpc-status.ts';
import { isLeaseId, leaseNotFound, type Keyspace } from './keyspace.ts';
import {
  leaseGrantMethod,
  leaseKeepAliveMethod,
  leaseRevokeMethod,
  leaseTimeToLiveMethod,
} from './methods.ts';

const idBytes = 8;
const idTopMask = 0x1f; // 53 bits, so that the id is a safe integer wherever it is read
const leaseSecondsMax = 9_000_000_000; // etcd's own limit

export class Leases {
  readonly #calls: Calls;
  readonly #keys: Keyspace;
  readonly #random: Random;

  constructor(calls: Calls, keys: Keyspace, random: Random) {
    this.#calls = calls;
    this.#keys = keys;
    this.#random = random;
  }

  async grant(ttlSeconds: number): Promise<{ id: LeaseId; ttlSeconds: number }> {
    const min = storeLimits.leaseTtlSecondsMin;
    if (!Number.isSafeInteger(ttlSeconds) || ttlSeconds < min || ttlSeconds > leaseSecondsMax) {
      const sentence = `a lease lives a whole number of seconds from ${min} up, not ${ttlSeconds}`;
      throw new HansaError('STORE_LIMIT', sentence, { facts: { limit: min, found: ttlSeconds } });
    }
    const id = this.#newId();
    try {
      const granted = await this.#calls.again(leaseGrantMethod, { ttl: ttlSeconds, id });
      return { id, ttlSeconds: granted.ttl };
    } catch (error) {
      if (isRefusedAs(error, status.FAILED_PRECONDITION)) {
        // The id is ours alone, so an earlier attempt was heard after all.
        return { id, ttlSeconds: (await this.keepAlive(id)).ttlSeconds };
      }
      throw error;
    }
  }

  async keepAlive(id: LeaseId): Promise<{ ttlSeconds: number }> {
    requireId(id);
    const { ttl } = await this.#calls.streamAgain(leaseKeepAliveMethod, { id });
    if (ttl <= 0) {
      throw leaseNotFound(id);
    }
    return { ttlSeconds: ttl };
  }

  async revoke(id: LeaseId): Promise<void> {
    requireId(id);
    let attempts = 0;
    try {
      await this.#calls.again(leaseRevokeMethod, { id }, () => {
        attempts += 1;
      });
    } catch (error) {
      if (!isHansaError(error, 'STORE_LEASE_NOT_FOUND')) {
        throw error;
      }
      if (attempts <= 1) {
        throw leaseNotFound(id);
      }
      // An earlier attempt may have been the one that ended it.
    }
  }

  async timeToLive(id: LeaseId): Promise<{ ttlSeconds: number; keys: readonly Uint8Array[] }> {
    requireId(id);
    const answer = await this.#calls.again(leaseTimeToLiveMethod, { id, keys: true });
    if (answer.ttl <= 0) {
      throw leaseNotFound(id);
    }
    const keys = answer.keys
      .filter((key) => this.#keys.owns(key))
      .map((key) => this.#keys.out(key))
      .toSorted(compareBytes);
    return { ttlSeconds: answer.ttl, keys };
  }

  #newId(): LeaseId {
    const bytes = this.#random.bytes(idBytes);
    bytes[0] = 0;
    bytes[1] = (bytes[1] ?? 0) & idTopMask;
    const id = toHex(bytes);
    return isLeaseId(id) ? id : this.#newId();
  }
}

function requireId(id: LeaseId): void {
  if (!isLeaseId(id)) {
    throw leaseNotFound(id);
  }
}

function isRefusedAs(error: unknown, code: number): boolean {
  return (
    error instanceof HansaError && error.cause instanceof CallFailure && error.cause.code === code
  );
}
