// Semaphores as people and programs see them.
import { HansaError, type ClaimStanding, type Claims, type LineView } from '@hansa/foundation';
import { pageLocksMax, ttlSecondsDefault, waitMsDefault } from './contract.ts';
import type { Semaphore, Semaphores } from './contract.ts';
import { shownStanding } from './locking.ts';

export function createSemaphores(claims: Claims): Semaphores {
  const shown = async (name: string): Promise<Semaphore> => shownSemaphore(await claims.look(name));
  return {
    async acquire({ name, holder, capacity, permits = 1, ttlSeconds, waitMs }, call) {
      const granted = await claims.claim(
        {
          names: [name],
          holder,
          weight: permits,
          capacity,
          ttlSeconds: ttlSeconds ?? ttlSecondsDefault,
          waitMs: waitMs ?? waitMsDefault,
        },
        call?.signal,
      );
      return { holder, locks: granted.tokens, ttlSeconds: granted.ttlSeconds };
    },
    renew: (token) => claims.renew([token]),
    async release(token) {
      await claims.release([token]);
      return { released: token };
    },
    async resize({ name, capacity }) {
      await claims.resize(name, capacity);
      return shown(name);
    },
    show: ({ name }) => shown(name),
    async list({ after = '', limit = pageLocksMax }) {
      const views = await claims.list({ after, limit });
      const next = views.length < limit ? undefined : views.at(-1)?.name;
      return { semaphores: views.map(shownSemaphore), ...(next === undefined ? {} : { next }) };
    },
    async forget({ name }) {
      await claims.forget(name);
      return { name };
    },
  };
}

function shownSemaphore({ name, line, standing }: LineView): Semaphore {
  if (line === undefined) {
    throw new HansaError('COORDINATION_NOT_FOUND', `there is no semaphore "${name}"`);
  }
  const holding = standing.filter(({ claim }) => claim.granted);
  const held = holding.reduce((sum, { claim }) => sum + claim.weight, 0);
  return {
    name,
    capacity: line.capacity,
    free: Math.max(0, line.capacity - held),
    lastToken: line.last,
    holders: holding.map(shownPermits),
    waiting: standing.filter(({ claim }) => !claim.granted).map(shownPermits),
  };
}

function shownPermits(standing: ClaimStanding): Semaphore['holders'][number] {
  return { ...shownStanding(standing), permits: standing.claim.weight };
}
