// What any Services must do, wherever it lives.
import { describe, expect, test } from 'vitest';
import type { Road } from '../../testkit/roads.ts';
import { metadataMax, tagsMax, weightMax, type Services } from './contract.ts';

const b1 = { service: 'billing', instance: 'b1', address: '127.0.0.1', port: 8080 };

export function servicesSuite({ name: road, make }: Road<Services>): void {
  describe(`services ${road}`, () => {
    const withServices = async (act: (services: Services) => Promise<void>): Promise<void> => {
      const { service, close } = await make();
      try {
        await act(service);
      } finally {
        await close();
      }
    };
    const names = async (
      services: Services,
      filter: Omit<Parameters<Services['discover']>[0], 'service'> = {},
    ): Promise<readonly string[]> => {
      const { instances } = await services.discover({ service: 'billing', ...filter });
      return instances.map(({ instance }) => instance);
    };

    test('a registered instance is found, listed and goes when it says so', () =>
      withServices(async (services) => {
        const made = await services.register(b1);
        expect(made).toMatchObject({
          ...b1,
          token: 1,
          health: 'passing',
          weight: 100,
          ttlSeconds: 30,
        });
        await expect(services.discover({ service: 'billing' })).resolves.toEqual({
          instances: [made],
        });
        await expect(services.list({})).resolves.toEqual({
          services: [{ service: 'billing', instances: 1, passing: 1 }],
        });
        const key = { service: 'billing', instance: 'b1', token: made.token };
        await expect(services.heartbeat(key)).resolves.toEqual({ ttlSeconds: 30 });
        await expect(services.deregister(key)).resolves.toEqual(key);
        await expect(services.list({})).resolves.toEqual({ services: [] });
        const lost = { code: 'COORDINATION_LOST' };
        await expect(services.heartbeat(key)).rejects.toMatchObject(lost);
        await expect(services.deregister(key)).rejects.toMatchObject(lost);
      }));

    test('a newer registration makes the older one count for nothing', () =>
      withServices(async (services) => {
        const { token } = await services.register(b1);
        const newer = await services.register({ ...b1, port: 9090 });
        expect(newer.token).toBeGreaterThan(token);
        const old = { service: 'billing', instance: 'b1', token };
        const lost = { code: 'COORDINATION_LOST' };
        await expect(services.heartbeat(old)).rejects.toMatchObject(lost);
        await expect(services.heartbeat({ ...old, health: 'critical' })).rejects.toMatchObject(
          lost,
        );
        await expect(services.deregister(old)).rejects.toMatchObject(lost);
        await expect(services.discover({ service: 'billing' })).resolves.toMatchObject({
          instances: [{ port: 9090, health: 'passing' }],
        });
      }));

    test('instances are found by tags, version and health', () =>
      withServices(async (services) => {
        const register = (instance: string, more: object) =>
          services.register({ ...b1, instance, ...more });
        await register('a', { tags: ['eu', 'fast'], version: '1.2.9' });
        const b = await register('b', { tags: ['eu'], version: '1.20' });
        await register('c', { version: '1.2', metadata: { zone: 'z1' }, weight: 5 });
        await expect(names(services)).resolves.toEqual(['a', 'b', 'c']);
        await expect(names(services, { tags: ['eu'] })).resolves.toEqual(['a', 'b']);
        await expect(names(services, { tags: ['fast', 'eu'] })).resolves.toEqual(['a']);
        await expect(names(services, { version: '1.2' })).resolves.toEqual(['a', 'c']);
        await expect(names(services, { limit: 2 })).resolves.toEqual(['a', 'b']);
        const key = { service: 'billing', instance: 'b', token: b.token };
        await services.heartbeat({ ...key, health: 'critical' });
        await expect(names(services)).resolves.toEqual(['a', 'c']);
        await expect(names(services, { health: 'critical' })).resolves.toEqual(['b']);
        await expect(names(services, { health: 'any' })).resolves.toEqual(['a', 'b', 'c']);
        await services.heartbeat({ ...key, health: 'critical' });
        await expect(services.list({})).resolves.toMatchObject({ services: [{ passing: 2 }] });
      }));

    test('instances registered at the same time have tokens of their own', () =>
      withServices(async (services) => {
        const all = await Promise.all(
          Array.from({ length: 30 }, (_, at) => services.register({ ...b1, instance: `i${at}` })),
        );
        expect(new Set(all.map(({ token }) => token)).size).toBe(30);
        await expect(names(services)).resolves.toHaveLength(30);
      }));

    test('a watch tells all that fit, now and after every change', () =>
      withServices(async (services) => {
        const items = services.watch({ service: 'billing' })[Symbol.asyncIterator]();
        await expect(items.next()).resolves.toMatchObject({ value: { instances: [] } });
        const second = items.next();
        const { token } = await services.register(b1);
        await expect(second).resolves.toMatchObject({ value: { instances: [{ port: 8080 }] } });
        const third = items.next();
        await services.deregister({ service: 'billing', instance: 'b1', token });
        await expect(third).resolves.toMatchObject({ value: { instances: [] } });
        await items.return?.();
      }));

    test.each([
      ['too many tags', { tags: Array.from({ length: tagsMax + 1 }, (_, at) => `t${at}`) }],
      [
        'too much metadata',
        {
          metadata: Object.fromEntries(
            Array.from({ length: metadataMax + 1 }, (_, at) => [`k${at}`, '']),
          ),
        },
      ],
      ['too much weight', { weight: weightMax + 1 }],
      ['a life shorter than a lease', { ttlSeconds: 4 }],
    ])('%s is INPUT_INVALID', (_, more) =>
      withServices(async (services) => {
        await expect(services.register({ ...b1, ...more })).rejects.toMatchObject({
          code: 'INPUT_INVALID',
        });
      }),
    );
  });
}
