// Locks and semaphores over claims in lines: how they are asked for, and how they are shown.
import {
  createClaims,
  createStoreBell,
  lockOrder,
  weightOrder,
  type Clock,
  type Codec,
  type KeyValueStore,
} from '@hansa/foundation';
import type { Locks, Semaphores } from './contract.ts';
import { lockTables } from './keys.ts';
import { createLocks } from './locking.ts';
import { createSemaphores } from './permitting.ts';

export interface LocksNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly clock: Clock;
  /** Fewer names than a node has, for tests. */
  readonly linesMax?: number | undefined;
}

export interface LocksService {
  readonly locks: Locks;
  readonly semaphores: Semaphores;
}

export function createLocksService(needs: LocksNeeds): LocksService {
  const { store, codec } = needs;
  const tables = lockTables(store, codec);
  const base = { ...needs, bell: createStoreBell(needs) };
  const locks = createClaims({ ...base, tables: tables.locks, order: lockOrder, noun: 'lock' });
  const semaphores = createClaims({
    ...base,
    tables: tables.semaphores,
    order: weightOrder,
    noun: 'semaphore',
    counted: true,
  });
  return { locks: createLocks(locks), semaphores: createSemaphores(semaphores) };
}
