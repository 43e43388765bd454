// What any Elections must do, wherever it lives. Waits are short: roads have a real clock.
import { describe, expect, test } from 'vitest';
import type { Road } from '../../testkit/roads.ts';
import type { Elections } from './contract.ts';

const election = 'importer';

export function electionsSuite({ name: road, make }: Road<Elections>): void {
  describe(`elections ${road}`, () => {
    const withElections = async (act: (elections: Elections) => Promise<void>): Promise<void> => {
      const { service, close } = await make();
      try {
        await act(service);
      } finally {
        await close();
      }
    };

    test('the first candidate leads, and everybody sees who', () =>
      withElections(async (elections) => {
        await expect(elections.show({ election })).resolves.toEqual({
          election,
          candidates: [],
          lastTerm: 0,
        });
        const asked = { election, candidate: 'anna', value: 'http://127.0.0.1:1', waitMs: 0 };
        const term = await elections.campaign(asked);
        expect(term).toMatchObject({ candidate: 'anna', term: 1, ttlSeconds: 30 });
        await expect(elections.campaign(asked)).resolves.toMatchObject({ term: 1 });
        await expect(
          elections.campaign({ election, candidate: 'bob', waitMs: 0 }),
        ).rejects.toMatchObject({ code: 'COORDINATION_BUSY', facts: { holder: 'anna' } });
        await expect(elections.show({ election })).resolves.toMatchObject({
          leader: { candidate: 'anna', term: 1, value: 'http://127.0.0.1:1' },
          candidates: [],
          lastTerm: 1,
        });
      }));

    test('when the leader resigns, the next candidate leads in a later term', () =>
      withElections(async (elections) => {
        const { term } = await elections.campaign({ election, candidate: 'anna' });
        const waiting = elections.campaign({ election, candidate: 'bob', waitMs: 20_000 });
        for await (const { candidates } of polled(() => elections.show({ election }))) {
          if (candidates.length === 1) {
            break;
          }
        }
        await expect(elections.renew({ election, term })).resolves.toEqual({ ttlSeconds: 30 });
        await elections.resign({ election, term });
        const next = await waiting;
        expect(next.term).toBeGreaterThan(term);
        const lost = { code: 'COORDINATION_LOST' };
        await expect(elections.renew({ election, term })).rejects.toMatchObject(lost);
        await expect(elections.resign({ election, term })).rejects.toMatchObject(lost);
      }));

    test('a watch tells who leads, and whenever that changes', () =>
      withElections(async (elections) => {
        const items = elections.watch({ election })[Symbol.asyncIterator]();
        const first = await items.next();
        expect(first.value).not.toHaveProperty('leader');
        const second = items.next();
        const { term } = await elections.campaign({ election, candidate: 'anna' });
        await expect(second).resolves.toMatchObject({ value: { leader: { candidate: 'anna' } } });
        const third = items.next();
        await elections.resign({ election, term });
        expect((await third).value).not.toHaveProperty('leader');
        await items.return?.();
      }));

    test('elections are listed by pages, and forgotten when nobody stands', () =>
      withElections(async (elections) => {
        for (const each of ['b', 'a', 'c']) {
          await elections.campaign({ election: each, candidate: 'anna' });
        }
        const first = await elections.list({ limit: 2 });
        expect(first.elections.map((each) => each.election)).toEqual(['a', 'b']);
        const rest = await elections.list({ limit: 2, after: first.next });
        expect(rest.elections.map((each) => each.election)).toEqual(['c']);
        await expect(elections.forget({ election: 'a' })).rejects.toMatchObject({
          code: 'COORDINATION_BUSY',
        });
        await elections.resign({ election: 'a', term: 1 });
        await elections.forget({ election: 'a' });
        const again = await elections.campaign({ election: 'a', candidate: 'bob' });
        expect(again.term).toBeGreaterThan(1);
      }));
  });
}

async function* polled<T>(look: () => Promise<T>): AsyncIterable<T> {
  for (;;) {
    yield await look();
  }
}
