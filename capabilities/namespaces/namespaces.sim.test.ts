// Signals on virtual time: three clusters with a namespace each, through partitions, crashes and
// rights that come and go.
import { test } from 'vitest';
import { playSeeds } from '../../testkit/simulation.ts';

test('signals cross to whom policies let have them, and everybody agrees with each owner', async () => {
  await playSeeds('signals', 4);
});
