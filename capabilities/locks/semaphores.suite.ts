// What any Semaphores must do, wherever it lives. Waits are short: roads have a real clock.
import { describe, expect, test } from 'vitest';
import type { Road } from '../../testkit/roads.ts';
import { permitsMax, type Semaphores } from './contract.ts';

export function semaphoresSuite({ name: road, make }: Road<Semaphores>): void {
  describe(`semaphores ${road}`, () => {
    const withSemaphores = async (act: (semaphores: Semaphores) => Promise<void>) => {
      const { service, close } = await make();
      try {
        await act(service);
      } finally {
        await close();
      }
    };
    const at = (holder: string, permits = 1) => ({ name: 's', holder, permits, waitMs: 0 });

    test('so many permits are out and no more; who asks first makes it', () =>
      withSemaphores(async (semaphores) => {
        await expect(semaphores.acquire(at('anna'))).rejects.toMatchObject({
          code: 'COORDINATION_NOT_FOUND',
        });
        await semaphores.acquire({ ...at('anna', 2), capacity: 3 });
        await semaphores.acquire(at('bob'));
        await expect(semaphores.acquire(at('carl'))).rejects.toMatchObject({
          code: 'COORDINATION_BUSY',
        });
        await expect(semaphores.show({ name: 's' })).resolves.toMatchObject({
          capacity: 3,
          free: 0,
          holders: [
            { holder: 'anna', permits: 2 },
            { holder: 'bob', permits: 1 },
          ],
        });
      }));

    test('a large claim that waits is not passed by small ones', () =>
      withSemaphores(async (semaphores) => {
        const first = await semaphores.acquire({ ...at('anna', 2), capacity: 3 });
        const large = semaphores.acquire({ ...at('bob', 3), waitMs: 20_000 });
        while ((await semaphores.show({ name: 's' })).waiting.length === 0) {
          // Looked at again: it is on its way.
        }
        await expect(semaphores.acquire(at('carl'))).rejects.toMatchObject({
          code: 'COORDINATION_BUSY',
        });
        await semaphores.release({ name: 's', token: first.locks[0]?.token ?? 0 });
        await expect(large).resolves.toMatchObject({ holder: 'bob' });
      }));

    test('permits are renewed and released by their token', () =>
      withSemaphores(async (semaphores) => {
        const { locks } = await semaphores.acquire({ ...at('anna'), capacity: 1 });
        const [token] = locks;
        if (token === undefined) {
          return expect.fail('a hold has a token');
        }
        await expect(semaphores.renew(token)).resolves.toEqual({ ttlSeconds: 30 });
        await expect(semaphores.release(token)).resolves.toEqual({ released: token });
        const lost = { code: 'COORDINATION_LOST' };
        await expect(semaphores.renew(token)).rejects.toMatchObject(lost);
        await expect(semaphores.release(token)).rejects.toMatchObject(lost);
      }));

    test('its size changes for those who come, and nobody loses what they hold', () =>
      withSemaphores(async (semaphores) => {
        await semaphores.acquire({ ...at('anna', 2), capacity: 2 });
        await expect(semaphores.resize({ name: 's', capacity: 1 })).resolves.toMatchObject({
          capacity: 1,
          free: 0,
          holders: [{ permits: 2 }],
        });
        await semaphores.resize({ name: 's', capacity: 4 });
        await expect(semaphores.acquire(at('bob', 2))).resolves.toMatchObject({ holder: 'bob' });
        await expect(semaphores.resize({ name: 'other', capacity: 1 })).rejects.toMatchObject({
          code: 'COORDINATION_NOT_FOUND',
        });
      }));

    test('semaphores are listed, and forgotten when nobody claims them', () =>
      withSemaphores(async (semaphores) => {
        const { locks } = await semaphores.acquire({ ...at('anna'), capacity: 1 });
        await expect(semaphores.list({})).resolves.toMatchObject({ semaphores: [{ name: 's' }] });
        await expect(semaphores.forget({ name: 's' })).rejects.toMatchObject({
          code: 'COORDINATION_BUSY',
        });
        await semaphores.release({ name: 's', token: locks[0]?.token ?? 0 });
        await semaphores.forget({ name: 's' });
        await expect(semaphores.show({ name: 's' })).rejects.toMatchObject({
          code: 'COORDINATION_NOT_FOUND',
        });
      }));

    test('more permits than anybody has is INPUT_INVALID', () =>
      withSemaphores(async (semaphores) => {
        await expect(
          semaphores.acquire({ ...at('anna'), capacity: permitsMax + 1 }),
        ).rejects.toMatchObject({ code: 'INPUT_INVALID' });
      }));
  });
}
