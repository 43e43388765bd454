// What is done with claims that stand: kept, ended, handed down, looked at. Whoever has the token
// may; a token whose claim is gone, or was never granted, is COORDINATION_LOST.
import { HansaError, isHansaError } from '../errors.ts';
import type { StoreBell } from '../store/bell.ts';
import type { KeyValueStore } from '../store/store.ts';
import type { ClaimTables, Standing } from './claim.ts';
import { leased, standingOf, type Lines, type LineView } from './lines.ts';

/** A claim by its line and ticket: the ticket is the fencing token. */
export interface Token {
  readonly name: string;
  readonly token: number;
}

export interface Holding {
  /** What was granted together ends together: any of its tokens stands for all. */
  renew(tokens: readonly Token[]): Promise<{ readonly ttlSeconds: number }>;
  release(tokens: readonly Token[]): Promise<void>;
  /** An exclusive claim becomes a shared one and keeps its token. */
  share(token: Token): Promise<void>;
  look(name: string): Promise<LineView>;
  /** In the order of their names, from the first one after `after`. */
  list(page: { readonly after: string; readonly limit: number }): Promise<readonly LineView[]>;
  /** A view now, and one after every change, until the signal aborts. */
  watch(name: string, signal: AbortSignal | undefined): AsyncIterable<LineView>;
  resize(name: string, capacity: number): Promise<void>;
  /** COORDINATION_BUSY while somebody claims it. */
  forget(name: string): Promise<void>;
}

export interface HoldingNeeds {
  readonly store: KeyValueStore;
  readonly tables: ClaimTables;
  readonly bell: StoreBell;
  readonly noun: string;
  readonly lines: Lines;
}

const attemptsMax = 64; // each lost one means that somebody else has changed the line
const viewsAtOnce = 16; // lines of one look: two operations each
const lookAgainMs = 5_000; // rings come by the store's watch; this is for one that was lost

export function holding(needs: HoldingNeeds): Holding {
  return { ...keeping(needs), ...looking(needs), ...changing(needs) };
}

function keeping(needs: HoldingNeeds): Pick<Holding, 'renew' | 'release' | 'share'> {
  const { store, tables } = needs;
  return {
    async renew(tokens) {
      const { lease } = await granted(needs, tokens);
      return { ttlSeconds: (await known(store.leaseKeepAlive(lease), needs, tokens)).ttlSeconds };
    },
    async release(tokens) {
      const { lease } = await granted(needs, tokens);
      await known(store.leaseRevoke(lease), needs, tokens);
    },
    async share(token) {
      const { name, token: ticket } = token;
      for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
        const { claim, lease, modRevision } = await granted(needs, [token]);
        if (claim.mode === 'shared') {
          return;
        }
        const key = tables.claims.key(name, ticket);
        const shared = tables.claims.put([name, ticket], { ...claim, mode: 'shared' });
        const write = store.transact({
          if: [{ key, target: 'modRevision', op: '=', operand: modRevision }],
          then: [leased(shared, lease)],
        });
        if ((await known(write, needs, [token])).succeeded) {
          return;
        }
      }
      throw tooFast(needs.noun);
    },
  };
}

/** The first of claims that were granted together. */
async function granted(needs: HoldingNeeds, tokens: readonly Token[]): Promise<Standing> {
  const { store, tables } = needs;
  const keys = tokens.map(({ name, token }) => tables.claims.key(name, token));
  const { entries } = await store.batchRead(keys);
  const standing = entries.flatMap((entry) => (entry === null ? [] : [standingOf(tables, entry)]));
  const [first] = standing;
  const whole = standing.every(({ claim, lease }) => claim.granted && lease === first?.lease);
  if (first === undefined || standing.length < tokens.length || !whole) {
    throw lost(needs, tokens);
  }
  return first;
}

async function known<T>(
  work: Promise<T>,
  needs: HoldingNeeds,
  tokens: readonly Token[],
): Promise<T> {
  try {
    return await work;
  } catch (error) {
    throw isHansaError(error, 'STORE_LEASE_NOT_FOUND') ? lost(needs, tokens) : error;
  }
}

function lost({ noun }: HoldingNeeds, tokens: readonly Token[]): HansaError {
  const named = tokens.map(({ name, token }) => `"${name}" by ${token}`).join(', ');
  return new HansaError('COORDINATION_LOST', `nobody holds the ${noun} ${named}, or not together`);
}

function looking(needs: HoldingNeeds): Pick<Holding, 'look' | 'list' | 'watch'> {
  const { tables, lines, bell } = needs;
  const look = async (name: string): Promise<LineView> => {
    const [view] = (await lines.look([name])).views;
    return view ?? { name, line: undefined, lineRevision: 0, standing: [] };
  };
  return {
    look,
    async list({ after, limit }) {
      const names: string[] = [];
      for await (const { key } of tables.lines.rowsFrom([], after)) {
        const name = String(key[0]);
        if (name !== after) {
          names.push(name);
        }
        if (names.length >= limit) {
          break;
        }
      }
      const views: LineView[] = [];
      for (let at = 0; at < names.length; at += viewsAtOnce) {
        views.push(...(await lines.look(names.slice(at, at + viewsAtOnce))).views);
      }
      return views;
    },
    async *watch(name, signal) {
      const prefixes = [tables.claims.prefix(name), tables.lines.key(name)];
      const seat = await bell.attend(prefixes);
      let told: string | undefined;
      try {
        while (signal?.aborted !== true) {
          seat.hush();
          const view = await look(name);
          const now = markOf(view);
          if (now !== told) {
            told = now;
            yield view;
          }
          await seat.rung(lookAgainMs, signal);
        }
      } finally {
        seat.leave();
      }
    },
  };
}

/** Two views with the same mark show the same. */
function markOf({ lineRevision, standing }: LineView): string {
  return [lineRevision, ...standing.map(({ modRevision }) => modRevision)].join(' ');
}

function changing(needs: HoldingNeeds): Pick<Holding, 'resize' | 'forget'> {
  const { store, tables, lines, noun } = needs;
  return {
    async resize(name, capacity) {
      for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
        const row = await tables.lines.get(name);
        if (row === undefined) {
          throw unknown(noun, name);
        }
        const key = tables.lines.key(name);
        const { succeeded } = await store.transact({
          if: [{ key, target: 'modRevision', op: '=', operand: row.modRevision }],
          then: [tables.lines.put([name], { ...row.value, capacity })],
        });
        if (succeeded) {
          return;
        }
      }
      throw tooFast(noun);
    },
    async forget(name) {
      for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
        const look = await lines.look([name]);
        const [view] = look.views;
        if (view?.line === undefined) {
          throw unknown(noun, name);
        }
        if (view.standing.length > 0) {
          const facts = { claims: view.standing.length };
          const sentence = `the ${noun} "${name}" is held or waited for`;
          throw new HansaError('COORDINATION_BUSY', sentence, { facts });
        }
        if (await lines.forget([view], look)) {
          return;
        }
      }
      throw tooFast(noun);
    },
  };
}

function unknown(noun: string, name: string): HansaError {
  return new HansaError('COORDINATION_NOT_FOUND', `there is no ${noun} "${name}"`);
}

function tooFast(noun: string): HansaError {
  return new HansaError('CONFLICT', `the ${noun} changes too fast`, { fix: 'try again' });
}
