// Directories across clusters on virtual time: partitions, crashes and stops between changes.
import { test } from 'vitest';
import { playSeeds } from '../../testkit/simulation.ts';

// A seed takes a second: three clusters, sixty deeds. `npm run sim` plays as many as are asked for.
const seeds = 6;

test('clusters agree on each other’s people in the end, and nobody removed is back', async () => {
  await playSeeds('people', seeds);
});
