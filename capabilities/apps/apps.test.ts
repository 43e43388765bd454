import { describe, expect, test } from 'vitest';
import { appRow, crypto, knows, ledger, makeAppCluster } from '../../testkit/app-clusters.ts';
import { roads } from '../../testkit/roads.ts';
import { clusterOf, linked, settled } from '../../testkit/test-cluster.ts';
import { appsSuite } from './apps.suite.ts';
import { appsContract, type Apps } from './contract.ts';

const everyRoad = roads<Apps>(appsContract, async () => (await makeAppCluster(1, 'lubeck')).apps);
everyRoad.forEach(appsSuite);

describe('apps of linked clusters', () => {
  test('are told of, without their endpoints, and anew when they change', async () => {
    const [lubeck, bergen] = await appRow({});
    await bergen.apps.register(ledger);
    await knows(lubeck);
    const { apps } = await lubeck.apps.list({ peer: 'bergen' });
    expect(apps).toEqual([
      {
        id: 'ledger',
        version: '1.4.0',
        name: 'The ledger',
        capabilities: ['book.keeping'],
        cluster: clusterOf(crypto, 11),
        clusterName: 'bergen',
        via: clusterOf(crypto, 11),
        distance: 0,
      },
    ]);
    await bergen.apps.remove({ id: 'ledger' });
    await settled(async () => (await lubeck.apps.list({})).apps.length === 0);
  });

  test('that are private, or of a cluster that is not linked back, are told to nobody', async () => {
    const [lubeck, bergen] = await appRow({});
    await bergen.apps.register({ ...ledger, private: true });
    await bergen.apps.register({ ...ledger, id: 'open' });
    await knows(lubeck, 'open');
    const seen = await lubeck.apps.list({ peer: 'bergen' });
    expect(seen.apps.map(({ id }) => id)).toEqual(['open']);
    const half = { ...linked(clusterOf(crypto, 1), 'lubeck'), theirs: false };
    bergen.peers.set(half);
    await settled(async () => (await lubeck.apps.list({})).apps.length === 0);
  });

  test('from behind a peer are told of only where that and its own peer pass calls on', async () => {
    const [lubeck, , riga] = await appRow();
    await riga.apps.register(ledger);
    await knows(lubeck);
    const seen = await lubeck.apps.list({});
    expect(seen.apps).toMatchObject([
      { cluster: clusterOf(crypto, 21), via: clusterOf(crypto, 11), distance: 1 },
    ]);
    const [alone, middle, end] = await appRow({});
    await end.apps.register(ledger);
    await knows(middle);
    expect((await alone.apps.list({})).apps).toEqual([]);
  });

  test('are hinted at where the call is made and nothing passes it on', async () => {
    const [lubeck, bergen] = await appRow({});
    await bergen.apps.register(ledger);
    await knows(lubeck);
    await expect(lubeck.apps.call({ id: 'ledger', path: '/' })).rejects.toMatchObject({
      code: 'CAPABILITY_UNAVAILABLE',
      message: expect.stringContaining('it is at bergen'),
      facts: { app: 'ledger', clusters: clusterOf(crypto, 11) },
    });
  });
});
