// Lanes on virtual time: three clusters write one space through partitions, crashes and refusals.
import { test } from 'vitest';
import { playSeeds } from '../../testkit/simulation.ts';

test('what was written anywhere arrives once, and what was deleted stays deleted', async () => {
  await playSeeds('lanes', 12);
});
