// What any Discovery must do, wherever it lives.
import { describe, expect, test } from 'vitest';
import type { Road } from '../../testkit/roads.ts';
import type { Discovery } from './contract.ts';
import { idOf } from './world.suite.ts';

/** A service that is linked with number 3, has heard from it, and has every way off. */
export function discoverySuite({ name: road, make }: Road<Discovery>): void {
  describe(`discovery ${road}`, () => {
    const withDiscovery = async (act: (discovery: Discovery) => Promise<void>): Promise<void> => {
      const { service, close } = await make();
      try {
        await act(service);
      } finally {
        await close();
      }
    };

    test('who was heard of is listed and found, with where and from whom', () =>
      withDiscovery(async (discovery) => {
        const { found } = await discovery.list({});
        expect(found).toMatchObject([{ cluster: idOf(3), verified: true, linkedAs: 'peer-3' }]);
        expect(await discovery.find({ cluster: idOf(3) })).toEqual(found[0]);
      }));

    test('whom nobody knows is CLUSTER_UNKNOWN, and what is no id is INPUT_INVALID', () =>
      withDiscovery(async (discovery) => {
        await expect(discovery.find({ cluster: idOf(4) })).rejects.toMatchObject({
          code: 'CLUSTER_UNKNOWN',
        });
        const cluster = 'bergen' as ReturnType<typeof idOf>;
        await expect(discovery.find({ cluster })).rejects.toMatchObject({ code: 'INPUT_INVALID' });
      }));

    test('every way is off until somebody switches it on', () =>
      withDiscovery(async (discovery) => {
        expect(await discovery.status({})).toMatchObject({
          tracked: 1,
          gossip: { on: false },
          mdns: { on: false },
          dht: { on: false },
          relays: [],
        });
      }));
  });
}
