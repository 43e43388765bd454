// Locks as people and programs see them.
import { mapItems, type ClaimStanding, type Claims, type LineView } from '@hansa/foundation';
import { pageLocksMax, ttlSecondsDefault, waitMsDefault } from './contract.ts';
import type { Lock, Locks, Standing } from './contract.ts';

export function createLocks(claims: Claims): Locks {
  return {
    async acquire({ names, holder, shared = false, ttlSeconds, waitMs }, call) {
      const granted = await claims.claim(
        {
          names,
          holder,
          mode: shared ? 'shared' : 'exclusive',
          ttlSeconds: ttlSeconds ?? ttlSecondsDefault,
          waitMs: waitMs ?? waitMsDefault,
        },
        call?.signal,
      );
      return { holder, locks: granted.tokens, ttlSeconds: granted.ttlSeconds };
    },
    renew: ({ locks }) => claims.renew(locks),
    async release({ locks }) {
      await claims.release(locks);
      return { released: locks };
    },
    async downgrade(token) {
      await claims.share(token);
      return shownLock(await claims.look(token.name));
    },
    show: async ({ name }) => shownLock(await claims.look(name)),
    async list({ after = '', limit = pageLocksMax }) {
      const views = await claims.list({ after, limit });
      const next = views.length < limit ? undefined : views.at(-1)?.name;
      return { locks: views.map(shownLock), ...(next === undefined ? {} : { next }) };
    },
    watch: ({ name }, call) => mapItems(claims.watch(name, call?.signal), shownLock),
    async forget({ name }) {
      await claims.forget(name);
      return { name };
    },
  };
}

function shownLock({ name, line, standing }: LineView): Lock {
  const shown = (granted: boolean): Standing[] =>
    standing.filter(({ claim }) => claim.granted === granted).map(shownStanding);
  return { name, lastToken: line?.last ?? 0, holders: shown(true), waiting: shown(false) };
}

export function shownStanding({ ticket, claim }: ClaimStanding): Standing {
  const { holder, mode, sinceMs, ttlSeconds } = claim;
  return { holder, token: ticket, shared: mode === 'shared', sinceMs, ttlSeconds };
}
