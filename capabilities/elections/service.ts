// Elections over claims in lines: the first candidate leads.
import {
  createClaims,
  createStoreBell,
  lockOrder,
  type Clock,
  type Codec,
  type Claims,
  type KeyValueStore,
  type LineView,
} from '@hansa/foundation';
import {
  campaignMsDefault,
  pageElectionsMax,
  termSecondsDefault,
  type Election,
  type Elections,
} from './contract.ts';
import { electionTables } from './keys.ts';

export interface ElectionsNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly clock: Clock;
}

export function createElections(needs: ElectionsNeeds): Elections {
  const claims = createClaims({
    ...needs,
    tables: electionTables(needs.store, needs.codec),
    bell: createStoreBell(needs),
    order: lockOrder,
    noun: 'election',
  });
  return { ...standing(claims, needs.clock), ...showing(claims) };
}

function standing(
  claims: Claims,
  clock: Clock,
): Pick<Elections, 'campaign' | 'renew' | 'resign' | 'forget'> {
  return {
    async campaign({ election, candidate, value = '', ttlSeconds, waitMs }, call) {
      const granted = await claims.claim(
        {
          names: [election],
          holder: candidate,
          data: value,
          ttlSeconds: ttlSeconds ?? termSecondsDefault,
          waitMs: waitMs ?? campaignMsDefault,
        },
        call?.signal,
      );
      const term = granted.tokens[0]?.token ?? 0;
      const sinceMs = clock.now();
      return { election, candidate, value, term, sinceMs, ttlSeconds: granted.ttlSeconds };
    },
    renew: ({ election, term }) => claims.renew([{ name: election, token: term }]),
    async resign({ election, term }) {
      await claims.release([{ name: election, token: term }]);
      return { election, term };
    },
    async forget({ election }) {
      await claims.forget(election);
      return { election };
    },
  };
}

function showing(claims: Claims): Pick<Elections, 'show' | 'list' | 'watch'> {
  return {
    show: async ({ election }) => shownElection(await claims.look(election)),
    async list({ after = '', limit = pageElectionsMax }) {
      const views = await claims.list({ after, limit });
      const next = views.length < limit ? undefined : views.at(-1)?.name;
      return { elections: views.map(shownElection), ...(next === undefined ? {} : { next }) };
    },
    async *watch({ election }, call) {
      let told: number | undefined;
      for await (const view of claims.watch(election, call?.signal)) {
        const shown = shownElection(view);
        const term = shown.leader?.term ?? 0;
        if (term !== told) {
          told = term;
          yield shown;
        }
      }
    },
  };
}

function shownElection({ name, line, standing: all }: LineView): Election {
  const [leader] = all.filter(({ claim }) => claim.granted);
  const candidates = all.filter(({ claim }) => !claim.granted).map(({ claim }) => claim);
  return {
    election: name,
    ...(leader === undefined
      ? {}
      : {
          leader: {
            candidate: leader.claim.holder,
            term: leader.ticket,
            value: leader.claim.data,
            sinceMs: leader.claim.sinceMs,
          },
        }),
    candidates: candidates.map(({ holder, data }) => ({ candidate: holder, value: data })),
    lastTerm: line?.last ?? 0,
  };
}
