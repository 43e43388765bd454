// What any Forge must do, wherever it lives. The cluster behind the road is `lubeck`, owns nothing
// yet, and mirrors `bergen:tools`, of which nothing has arrived.
import { describe, expect, test } from 'vitest';
import type { Road } from '../../testkit/roads.ts';
import type { Forge } from './contract.ts';

export function forgeSuite({ name: road, make }: Road<Forge>): void {
  describe(`forge ${road}`, () => {
    const withForge = async (act: (forge: Forge) => Promise<void>): Promise<void> => {
      const { service, close } = await make();
      try {
        await act(service);
      } finally {
        await close();
      }
    };

    test('a repository is made empty, listed beside the mirrors, shown and deleted', () =>
      withForge(async (forge) => {
        const labels = { tier: 'gold' };
        const made = await forge.create({ name: 'team/app', description: 'an app', labels });
        expect(made).toMatchObject({
          name: 'team/app',
          role: 'own',
          ownerName: 'lubeck',
          path: '/git/team/app.git',
          head: 'refs/heads/main',
          refCount: 0,
          packCount: 0,
          epoch: 1,
          labels,
        });
        expect(made.url).toMatch(/\/git\/team\/app\.git$/);
        const { repositories } = await forge.list({});
        expect(repositories.map(({ role, name }) => `${role} ${name}`)).toEqual([
          'own team/app',
          'mirror tools',
        ]);
        await expect(forge.show({ name: 'team/app' })).resolves.toEqual({
          ...made,
          refs: [],
          protections: [],
        });
        await expect(forge.delete({ name: 'team/app' })).resolves.toEqual(made);
        const gone = forge.show({ name: 'team/app' });
        await expect(gone).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
      }));

    test('a name that is taken is refused; one that was deleted comes back empty', () =>
      withForge(async (forge) => {
        await forge.create({ name: 'app' });
        const twice = forge.create({ name: 'app' });
        await expect(twice).rejects.toMatchObject({ code: 'RESOURCE_EXISTS' });
        await forge.delete({ name: 'app' });
        await expect(forge.create({ name: 'app' })).resolves.toMatchObject({ epoch: 2 });
      }));

    test.each(['../x', '-x', 'a.git', '.hidden', 'a b', '', 'a//b'])(
      '"%s" is no name of a repository',
      (name) =>
        withForge(async (forge) => {
          await expect(forge.create({ name })).rejects.toMatchObject({ code: 'INPUT_INVALID' });
        }),
    );

    test('a mirror is shown with its owner, and is another’s to delete', () =>
      withForge(async (forge) => {
        await expect(forge.show({ name: 'bergen:tools' })).resolves.toMatchObject({
          role: 'mirror',
          ownerName: 'bergen',
          path: '/git/@bergen/tools.git',
          refs: [],
        });
        const deleted = forge.delete({ name: 'bergen:tools' });
        await expect(deleted).rejects.toMatchObject({ code: 'RESOURCE_READ_ONLY' });
        const absent = forge.show({ name: 'bergen:absent' });
        await expect(absent).rejects.toMatchObject({ code: 'MIRROR_NOT_FOUND' });
      }));

    test('what is not there cannot be deleted', () =>
      withForge(async (forge) => {
        const absent = forge.delete({ name: 'absent' });
        await expect(absent).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
      }));
  });
}
