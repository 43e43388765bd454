// Disks that are put back to an old copy, on virtual time, with everything else that goes wrong.
import { test } from 'vitest';
import { playSeeds } from '../../testkit/simulation.ts';

test('a restored owner never signs a second history, and all agree once it has decided', async () => {
  await playSeeds('restores', 8);
});
