// What namespaces are, on every road.
import { describe, expect, test } from 'vitest';
import type { Road } from '../../testkit/roads.ts';
import { patternLengthMax, patternsMax, type Namespaces } from './contract.ts';

export function namespacesSuite({ name: road, make }: Road<Namespaces>): void {
  describe(`namespaces ${road}`, () => {
    const withNamespaces = async (act: (service: Namespaces) => Promise<void>): Promise<void> => {
      const { service, close } = await make();
      try {
        await act(service);
      } finally {
        await close();
      }
    };

    test('are listed with whose they are, until they are removed', () =>
      withNamespaces(async (namespaces) => {
        const added = await namespaces.add({ name: 'stage', patterns: ['/stage/**', '/stage'] });
        expect(added).toMatchObject({
          name: 'stage',
          role: 'own',
          ownerName: 'lubeck',
          clusterName: 'lubeck',
          patterns: ['/stage/**', '/stage'],
          outdone: [],
        });
        const visby = await namespaces.add({ name: 'visby', patterns: ['/visby/**'], of: 'visby' });
        expect(visby).toMatchObject({ ownerName: 'lubeck', clusterName: 'visby' });
        expect(await namespaces.list({})).toEqual({ namespaces: [added, visby] });
        expect(await namespaces.show({ namespace: 'stage' })).toEqual(added);
        expect(await namespaces.remove({ namespace: 'stage' })).toEqual(added);
        expect(await namespaces.list({})).toEqual({ namespaces: [visby] });
        const gone = namespaces.show({ namespace: 'stage' });
        await expect(gone).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
      }));

    test('have each address for one cluster', () =>
      withNamespaces(async (namespaces) => {
        await namespaces.add({ name: 'visby', patterns: ['/visby/**'], of: 'visby' });
        const taken = namespaces.add({ name: 'mine', patterns: ['/mine/**', '/visby/light'] });
        await expect(taken).rejects.toMatchObject({ code: 'NAMESPACE_TAKEN' });
        await namespaces.add({ name: 'lights', patterns: ['/visby/light'], of: 'visby' });
        const twice = namespaces.add({ name: 'visby', patterns: ['/other/**'] });
        await expect(twice).rejects.toMatchObject({ code: 'RESOURCE_EXISTS' });
        const unknown = namespaces.add({ name: 'x', patterns: ['/x'], of: 'nobody' });
        await expect(unknown).rejects.toMatchObject({ code: 'LINK_NOT_FOUND' });
      }));

    test.each([
      ['everything', '/**'],
      ['a first segment that is a wildcard', '/*/light'],
      ['a first segment that is half said', '/visby*/light'],
      ['what belongs to a router alone', '/clasp/**'],
      ['no pattern', 'visby/**'],
      ['one that is longer than an address', `/${'a'.repeat(patternLengthMax)}`],
    ])('are of no use for %s', (_, pattern) =>
      withNamespaces(async (namespaces) => {
        const added = namespaces.add({ name: 'bad', patterns: [pattern] });
        await expect(added).rejects.toMatchObject({ code: 'INPUT_INVALID' });
        expect(await namespaces.list({})).toEqual({ namespaces: [] });
      }),
    );

    test('have one pattern at least, and so many at most', () =>
      withNamespaces(async (namespaces) => {
        const many = Array.from({ length: patternsMax }, (_, at) => `/a/${at}`);
        await namespaces.add({ name: 'many', patterns: many });
        for (const patterns of [[], [...many, '/a/more']]) {
          const added = namespaces.add({ name: 'bad', patterns });
          await expect(added).rejects.toMatchObject({ code: 'INPUT_INVALID' });
        }
      }));
  });
}
