// What can be held: locks, permits of a semaphore, and the office of an election.
import { electionContract, type Elections } from '@hansa/capabilities/elections/contract';
import {
  lockContract,
  semaphoreContract,
  type Locks,
  type Semaphores,
} from '@hansa/capabilities/locks/contract';
import { semaphoreCapacity } from '../../../../testkit/nemesis/coordination/holds.ts';
import type { Token } from '../../../../testkit/nemesis/coordination/holds.ts';
import type { SeededRandom } from '../../../../testkit/seeded-random.ts';
import type { Holdable } from './holds.ts';
import { ttlSeconds, waitMs } from './told.ts';

const lockNames = ['a', 'b', 'c'] as const; // few: they are wanted by several at a time
const sharedChance = 0.3;
const semaphoreName = 'pool';
const electionName = 'office';

function first(tokens: readonly Token[]): Token {
  const [token] = tokens;
  if (token === undefined) {
    throw new Error('a hold has at least one token');
  }
  return token;
}

/** One to three names, in any order. */
function someNames(random: SeededRandom): readonly string[] {
  const left: string[] = [...lockNames];
  const count = 1 + random.integer(random.chance(0.5) ? 1 : lockNames.length);
  return Array.from({ length: count }, () => left.splice(random.integer(left.length), 1)[0] ?? '');
}

export const locks: Holdable<Locks> = {
  kind: 'lock',
  contract: lockContract,
  wanted: (random) => ({ names: someNames(random), shared: random.chance(sharedChance) }),
  async acquire(service, { names, holder, shared }) {
    const hold = await service.acquire({ names, holder, shared, ttlSeconds, waitMs });
    return hold.locks;
  },
  renew: (service, tokens) => service.renew({ locks: tokens }),
  release: (service, tokens) => service.release({ locks: tokens }),
  last: async (service, name) => (await service.show({ name })).lastToken,
  downgrade: (service, token) => service.downgrade(token),
};

export const semaphores: Holdable<Semaphores> = {
  kind: 'semaphore',
  contract: semaphoreContract,
  wanted: (random) => ({ names: [semaphoreName], permits: 1 + random.integer(2) }),
  async acquire(service, { holder, permits }) {
    const asked = { name: semaphoreName, capacity: semaphoreCapacity, ttlSeconds, waitMs };
    return (await service.acquire({ ...asked, holder, permits })).locks;
  },
  renew: (service, tokens) => service.renew(first(tokens)),
  release: (service, tokens) => service.release(first(tokens)),
  last: async (service, name) => (await service.show({ name })).lastToken,
};

export const elections: Holdable<Elections> = {
  kind: 'election',
  contract: electionContract,
  wanted: () => ({ names: [electionName] }),
  async acquire(service, { holder }) {
    const asked = { election: electionName, candidate: holder, ttlSeconds, waitMs };
    const { election, term } = await service.campaign(asked);
    return [{ name: election, token: term }];
  },
  renew: (service, tokens) => service.renew(inOffice(tokens)),
  release: (service, tokens) => service.resign(inOffice(tokens)),
  last: async (service, election) => (await service.show({ election })).lastTerm,
};

function inOffice(tokens: readonly Token[]): { readonly election: string; readonly term: number } {
  const { name, token } = first(tokens);
  return { election: name, term: token };
}
