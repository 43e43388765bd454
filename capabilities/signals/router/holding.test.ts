import { HansaError } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { bundleMember } from '../frames/encode.ts';
import { wireValue } from '../frames/values.ts';
import { createRig } from './router-rig.suite.ts';
import { guardWhileHeld } from './holding.ts';

test('a router that may have been replaced takes no write, in a bundle neither, and no event', async () => {
  const { router, join } = createRig();
  let isHeld = true;
  const unguard = guardWhileHeld(router, () => {
    if (!isHeld) {
      throw new HansaError('NODE_DEPOSED', 'this node is not active any more');
    }
  });
  const line = await join();
  line.set('/a', 1);
  expect(line.types).toEqual(['ack']);
  isHeld = false;
  line.set('/a', 2);
  line.say({ type: 'publish', address: '/a', signal: 'event', phase: 'start' });
  const set = { type: 'set', address: '/a', value: wireValue(3), lock: false, unlock: false };
  line.say({ type: 'bundle', members: [bundleMember({ ...set, type: 'set' })] });
  expect(line.errorCodes).toEqual([500, 500, 500]);
  expect(router.get('/a')?.revision).toBe(1);
  unguard();
  line.set('/a', 4);
  expect(router.get('/a')?.revision).toBe(2);
});
