// What any Catalog must show, wherever it lives. The cluster behind the road is `bergen`; it owns
// `git/own`, and is linked to `lubeck`, which shares `git/hansa` and `kv/limits`, and to `visby`,
// which is away.
import { describe, expect, test } from 'vitest';
import type { Road } from '../../testkit/roads.ts';
import type { Catalog } from './contract.ts';

export function catalogSuite({ name: road, make }: Road<Catalog>): void {
  describe(`catalog ${road}`, () => {
    const withCatalog = async (act: (catalog: Catalog) => Promise<void>): Promise<void> => {
      const { service, close } = await make();
      try {
        await act(service);
      } finally {
        await close();
      }
    };

    test('lists one’s own things and what peers share, and names the peers that are away', () =>
      withCatalog(async (catalog) => {
        const { items, unanswered } = await catalog.list({});
        expect(items.map(({ ownerName, name }) => `${ownerName}:${name}`)).toEqual([
          'bergen:own',
          'lubeck:hansa',
          'lubeck:limits',
        ]);
        expect(items.map(({ verbs }) => verbs.join())).toEqual([
          'see,pull,push',
          'see,pull',
          'see',
        ]);
        expect(unanswered).toMatchObject([{ peer: 'visby', problem: { code: 'LINK_DOWN' } }]);
      }));

    test('is narrowed to a kind, to one’s own, or to one peer', () =>
      withCatalog(async (catalog) => {
        const names = async (input: Parameters<Catalog['list']>[0]): Promise<string[]> =>
          (await catalog.list(input)).items.map(({ name }) => name);
        await expect(names({ kind: 'kv' })).resolves.toEqual(['limits']);
        await expect(names({ own: true })).resolves.toEqual(['own']);
        await expect(names({ peer: 'lubeck' })).resolves.toEqual(['hansa', 'limits']);
        await expect(names({ peer: 'lubeck', kind: 'git' })).resolves.toEqual(['hansa']);
      }));

    test('of a peer that is away or unknown is the error that says so', () =>
      withCatalog(async (catalog) => {
        const away = catalog.list({ peer: 'visby' });
        await expect(away).rejects.toMatchObject({ code: 'LINK_DOWN' });
        const nobody = catalog.list({ peer: 'nobody' });
        await expect(nobody).rejects.toMatchObject({ code: 'LINK_NOT_FOUND' });
      }));
  });
}
