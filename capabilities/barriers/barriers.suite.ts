// What any Barriers must do, wherever it lives.
import { describe, expect, test } from 'vitest';
import type { Road } from '../../testkit/roads.ts';
import { partiesMax, type Barriers } from './contract.ts';

const at = { barrier: 'release', parties: 3 };

export function barriersSuite({ name: road, make }: Road<Barriers>): void {
  describe(`barriers ${road}`, () => {
    const withBarriers = async (act: (barriers: Barriers) => Promise<void>): Promise<void> => {
      const { service, close } = await make();
      try {
        await act(service);
      } finally {
        await close();
      }
    };

    test('all go on when the last has come, and are done when the last has left', () =>
      withBarriers(async (barriers) => {
        const everybody = ['a', 'b', 'c'];
        const entered = await Promise.all(
          everybody.map((participant) => barriers.enter({ ...at, participant })),
        );
        expect(new Set(entered.map(({ generation }) => generation)).size).toBe(1);
        await expect(barriers.show({ barrier: at.barrier })).resolves.toMatchObject({
          open: true,
          parties: 3,
          present: everybody,
        });
        await expect(barriers.renew({ barrier: at.barrier, participant: 'a' })).resolves.toEqual({
          ttlSeconds: 30,
        });
        const early = { barrier: at.barrier, participant: 'a', waitMs: 0 };
        await expect(barriers.leave(early)).resolves.toEqual({ remaining: 2 });
        const left = ['b', 'c'].map((participant) =>
          barriers.leave({ barrier: at.barrier, participant }),
        );
        expect(await Promise.all(left)).toEqual([{ remaining: 0 }, { remaining: 0 }]);
        await expect(barriers.show({ barrier: at.barrier })).rejects.toMatchObject({
          code: 'COORDINATION_NOT_FOUND',
        });
        await expect(barriers.list({})).resolves.toEqual({ barriers: [] });
      }));

    test('who waits for nothing is not there any more', () =>
      withBarriers(async (barriers) => {
        await expect(barriers.enter({ ...at, participant: 'a', waitMs: 20 })).rejects.toMatchObject(
          { code: 'COORDINATION_BUSY' },
        );
        await expect(barriers.list({})).resolves.toEqual({ barriers: [] });
      }));

    test('everybody means the same number of parties', () =>
      withBarriers(async (barriers) => {
        const first = barriers.enter({ ...at, parties: 2, participant: 'a' });
        while ((await barriers.list({})).barriers.length === 0) {
          // Looked at again: it is on its way.
        }
        await expect(barriers.enter({ ...at, participant: 'b' })).rejects.toMatchObject({
          code: 'COORDINATION_DIFFERS',
        });
        await barriers.enter({ ...at, parties: 2, participant: 'b' });
        await first;
      }));

    test.each([
      ['one party', 1],
      ['too many parties', partiesMax + 1],
    ])('a barrier for %s is INPUT_INVALID', (_, parties) =>
      withBarriers(async (barriers) => {
        await expect(
          barriers.enter({ barrier: 'a', parties, participant: 'x' }),
        ).rejects.toMatchObject({ code: 'INPUT_INVALID' });
      }),
    );
  });
}
