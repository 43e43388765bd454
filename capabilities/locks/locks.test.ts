import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createMemoryStore } from '@hansa/store-memory';
import { createSystemClock } from '@hansa/system-node';
import { expect, test } from 'vitest';
import { roads } from '../../testkit/roads.ts';
import { locksCapability } from './capability.ts';
import { lockContract, semaphoreContract, type Locks, type Semaphores } from './contract.ts';
import { locksSuite } from './locks.suite.ts';
import { semaphoresSuite } from './semaphores.suite.ts';
import { createLocksService } from './service.ts';

function makeNeeds() {
  const clock = createSystemClock();
  return { store: createMemoryStore({ clock }), codec: createMsgpackCodec(), clock };
}

roads<Locks>(lockContract, () => createLocksService(makeNeeds()).locks).forEach(locksSuite);
roads<Semaphores>(semaphoreContract, () => createLocksService(makeNeeds()).semaphores).forEach(
  semaphoresSuite,
);

test('the node is handed two contracts and nothing to run', () => {
  const made = locksCapability(makeNeeds());
  expect(made.serves.map(({ contract }) => contract.name)).toEqual(['lock', 'semaphore']);
  expect(made.duties).toEqual([]);
});
