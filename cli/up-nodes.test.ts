import { expect, test } from 'vitest';
import { localNodesMax, runUpNodes } from './up-nodes.ts';

test(`one machine runs ${localNodesMax} nodes at most, and a whole number of them`, async () => {
  const home = { folder: '/nowhere' } as never;
  for (const nodes of [localNodesMax + 1, 0, 1.5, Number.NaN]) {
    const given = { nodes, name: 'riga', data: undefined, home, flags: {}, print: () => undefined };
    await expect(runUpNodes(given)).rejects.toMatchObject({ code: 'USAGE' });
  }
});
