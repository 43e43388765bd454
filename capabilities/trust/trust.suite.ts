// What any Trust must do, wherever it lives. The cluster behind the road is linked with `bergen`,
// and `visby` asked it for trust.
import type { ClusterId } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import type { Road } from '../../testkit/roads.ts';
import type { Trust } from './contract.ts';

interface Known {
  readonly bergen: ClusterId;
  readonly visby: ClusterId;
  readonly own: ClusterId;
}

export function trustSuite({ name: road, make }: Road<Trust>, { bergen, visby, own }: Known): void {
  describe(`trust ${road}`, () => {
    const withTrust = async (act: (trust: Trust) => Promise<void>): Promise<void> => {
      const { service, close } = await make();
      try {
        await act(service);
      } finally {
        await close();
      }
    };

    test('trusting ends a block and the other way round, and public ends both', () =>
      withTrust(async (trust) => {
        const levels = async () =>
          (await trust.list({})).judgements.map(({ cluster, level }) => [cluster, level]);
        await trust.set({ peer: 'bergen', level: 'trusted', note: 'as agreed' });
        await trust.set({ peer: visby, level: 'blocked' });
        expect(await levels()).toEqual([
          [bergen, 'trusted'],
          [visby, 'blocked'],
        ]);
        await trust.set({ peer: 'bergen', level: 'blocked' });
        await trust.set({ peer: visby, level: 'trusted' });
        expect(new Set(await levels())).toEqual(
          new Set([
            [bergen, 'blocked'],
            [visby, 'trusted'],
          ]),
        );
        await trust.set({ peer: 'bergen', level: 'public' });
        await trust.set({ peer: visby, level: 'public' });
        expect(await levels()).toEqual([]);
      }));

    test('a judgement tells who, since when and why, and a new note keeps its beginning', () =>
      withTrust(async (trust) => {
        const first = await trust.set({ peer: 'bergen', level: 'trusted', note: 'as agreed' });
        expect(first).toMatchObject({ cluster: bergen, name: 'bergen', note: 'as agreed' });
        expect(first.sinceMs).toBeGreaterThan(0);
        const again = await trust.set({ peer: 'bergen', level: 'trusted', note: 'and in writing' });
        expect(again).toEqual({ ...first, note: 'and in writing' });
        expect(await trust.set({ peer: 'bergen', level: 'trusted' })).toEqual(again);
      }));

    test('a request is accepted into trust, or dropped, once', () =>
      withTrust(async (trust) => {
        const { requests } = await trust.requests({});
        expect(requests).toMatchObject([{ cluster: visby, message: 'Grace of visby' }]);
        const accepted = await trust.accept({ peer: visby.slice(0, 8) });
        // What the asker said of itself does not become our own reason.
        expect(accepted).toMatchObject({ level: 'trusted', note: '' });
        expect((await trust.requests({})).requests).toEqual([]);
        const gone = { code: 'TRUST_REQUEST_NOT_FOUND' };
        await expect(trust.accept({ peer: visby })).rejects.toMatchObject(gone);
        await expect(trust.reject({ peer: visby })).rejects.toMatchObject(gone);
      }));

    test('a request that was rejected leaves no trust', () =>
      withTrust(async (trust) => {
        await expect(trust.reject({ peer: visby })).resolves.toMatchObject({ cluster: visby });
        expect(await trust.requests({})).toEqual({ requests: [] });
        expect(await trust.list({})).toEqual({ judgements: [] });
      }));

    test('a plan changes nothing', () =>
      withTrust(async (trust) => {
        await expect(trust.plan({ peer: 'bergen', level: 'blocked' })).resolves.toMatchObject({
          rows: [{ change: 'loses', peer: bergen }],
        });
        expect(await trust.list({})).toEqual({ judgements: [] });
      }));

    test('an unknown level, an unknown peer and oneself are errors', () =>
      withTrust(async (trust) => {
        const level = 'trusted';
        const wrong = { peer: 'bergen', level: 'friend' } as unknown as Parameters<Trust['set']>[0];
        await expect(trust.set(wrong)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
        const nobody = trust.set({ peer: 'nobody', level });
        await expect(nobody).rejects.toMatchObject({ code: 'LINK_NOT_FOUND' });
        const self = trust.set({ peer: own, level });
        await expect(self).rejects.toMatchObject({ code: 'INPUT_INVALID' });
        expect(await trust.list({})).toEqual({ judgements: [] });
      }));
  });
}
