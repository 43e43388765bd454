// What any Resources must show, wherever it lives. The service behind the road owns `git/hansa`,
// written once, and `kv/limits`, never written.
import { localId } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import type { Road } from '../../testkit/roads.ts';
import type { Resources } from './contract.ts';

export function resourcesSuite({ name: road, make }: Road<Resources>): void {
  describe(`resources ${road}`, () => {
    const withResources = async (act: (resources: Resources) => Promise<void>): Promise<void> => {
      const { service, close } = await make();
      try {
        await act(service);
      } finally {
        await close();
      }
    };

    test('are listed by id, and by kind where one is asked for', () =>
      withResources(async (resources) => {
        const all = await resources.list({});
        expect(all.resources.map(({ id }) => id)).toEqual(['git/hansa', 'kv/limits']);
        expect(all.resources[0]).toMatchObject({
          type: 'code',
          labels: { tier: 'gold' },
          epoch: 1,
        });
        const some = await resources.list({ kind: 'kv' });
        expect(some.resources.map(({ id }) => id)).toEqual(['kv/limits']);
        await expect(resources.list({ kind: 'none' })).resolves.toEqual({ resources: [] });
      }));

    test('are shown with where their history stands', () =>
      withResources(async (resources) => {
        const written = await resources.show({ id: localId('git', 'hansa') });
        expect(written.position.epoch).toBe(1);
        expect(written.position.digest).not.toBe('0'.repeat(64));
        const empty = await resources.show({ id: localId('kv', 'limits') });
        expect(empty.position.digest).toBe('0'.repeat(64));
      }));

    test('that are not there are RESOURCE_NOT_FOUND, and ids that are none INPUT_INVALID', () =>
      withResources(async (resources) => {
        const absent = resources.show({ id: localId('git', 'absent') });
        await expect(absent).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
        const wrong = resources.show({ id: localId('', 'x') });
        await expect(wrong).rejects.toMatchObject({ code: 'INPUT_INVALID' });
      }));
  });
}
