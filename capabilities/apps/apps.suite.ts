// What the registry of apps must do, whatever road one comes by.
import { describe, expect, test } from 'vitest';
import type { Road } from '../../testkit/roads.ts';
import { appsMax, type Apps, type Registration } from './contract.ts';

const ledger: Registration = {
  id: 'ledger',
  version: '1.4.0',
  name: 'The ledger',
  capabilities: ['book.keeping', 'audit'],
};

export function appsSuite({ name: road, make }: Road<Apps>): void {
  describe(`apps ${road}`, () => {
    const withApps = async (act: (apps: Apps) => Promise<void>): Promise<void> => {
      const { service, close } = await make();
      try {
        await act(service);
      } finally {
        await close();
      }
    };

    test('an app is listed, found by what it can do, and replaced by its id', () =>
      withApps(async (apps) => {
        await apps.register(ledger);
        expect((await apps.list({})).apps).toMatchObject([ledger]);
        expect((await apps.find({ capability: 'audit' })).apps).toMatchObject([{ id: 'ledger' }]);
        expect((await apps.find({ capability: 'aud' })).apps).toEqual([]);
        await apps.register({ ...ledger, version: '2.0.0-rc.1', capabilities: [] });
        expect((await apps.list({})).apps).toMatchObject([{ version: '2.0.0-rc.1' }]);
        expect((await apps.find({ capability: 'audit' })).apps).toEqual([]);
        await apps.remove({ id: 'ledger' });
        expect((await apps.list({})).apps).toEqual([]);
        await expect(apps.remove({ id: 'ledger' })).rejects.toMatchObject({
          code: 'APP_NOT_FOUND',
        });
      }));

    test('the 33rd app is APPS_FULL, also among many at once; replacing one still works', () =>
      withApps(async (apps) => {
        const ids = Array.from({ length: appsMax + 4 }, (_, at) => `app-${at}`);
        const outcomes = await Promise.allSettled(
          ids.map((id) => apps.register({ ...ledger, id })),
        );
        const refused = outcomes.flatMap((one) =>
          one.status === 'rejected' ? [one.reason as unknown] : [],
        );
        expect(refused).toHaveLength(4);
        refused.forEach((error) => expect(error).toMatchObject({ code: 'APPS_FULL' }));
        const { apps: all } = await apps.list({});
        expect(all).toHaveLength(appsMax);
        await apps.register({ ...ledger, id: all[0]?.id ?? '', version: '9.0.0' });
      }));

    test.each<[string, Partial<Registration>]>([
      ['an id of 65 letters', { id: 'a'.repeat(65) }],
      ['an id with capitals', { id: 'Ledger' }],
      ['an id that ends with a hyphen', { id: 'ledger-' }],
      ['a version that is not semantic', { version: '1.4' }],
      ['a name of 129 letters', { name: 'a'.repeat(129) }],
      ['a name that rings', { name: 'a\u0007' }],
      ['17 capabilities', { capabilities: Array.from({ length: 17 }, (_, at) => `c${at}`) }],
      ['a capability of 65 letters', { capabilities: ['a'.repeat(65)] }],
      ['an endpoint elsewhere', { endpoint: 'http://10.0.0.1:80' }],
      ['an endpoint elsewhere by its user', { endpoint: 'http://127.0.0.1:80@10.0.0.1:80' }],
      ['an endpoint by name', { endpoint: 'http://localhost.example:80' }],
      ['an endpoint without a port', { endpoint: 'http://127.0.0.1/' }],
      ['an endpoint with a port that is none', { endpoint: 'http://127.0.0.1:65536' }],
      ['an endpoint that climbs', { endpoint: 'http://127.0.0.1:80/a/../b' }],
    ])('%s is INPUT_INVALID, and nothing is cut', (_, given) =>
      withApps(async (apps) => {
        await expect(apps.register({ ...ledger, ...given })).rejects.toMatchObject({
          code: 'INPUT_INVALID',
        });
        expect((await apps.list({})).apps).toEqual([]);
      }),
    );

    test.each([
      'a',
      '//a',
      '/a/../b',
      '/%2e%2E/b',
      '/a b',
      '/a#b',
      '/a%2fb',
      '/a\\b',
      '/a\nb',
      '/..',
    ])('the path "%s" is INPUT_INVALID', (path) =>
      withApps(async (apps) => {
        await expect(apps.call({ id: 'ledger', path })).rejects.toMatchObject({
          code: 'INPUT_INVALID',
        });
      }),
    );

    test('an app that is nowhere is CAPABILITY_UNAVAILABLE and named', () =>
      withApps(async (apps) => {
        await expect(apps.call({ id: 'ledger', path: '/' })).rejects.toMatchObject({
          code: 'CAPABILITY_UNAVAILABLE',
          fix: expect.stringContaining('hansa app list'),
          facts: { app: 'ledger', clusters: '' },
        });
        await apps.register(ledger);
        await expect(apps.call({ id: 'ledger', path: '/' })).rejects.toMatchObject({
          code: 'APP_UNREACHABLE',
        });
      }));
  });
}
