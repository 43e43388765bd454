// What stands in a line: claims in the order in which they were made, each by its ticket. Who holds
// what is read from the order alone, so that a claim which goes, by its holder or by the end of its
// lease, lets the next one in without anybody doing anything.
import { z } from 'zod';
import type { Codec } from '../codec.ts';
import { nameLengthMax } from '../ids.ts';
import { table, type Table } from '../store/table.ts';
import type { KeyValueStore } from '../store/store.ts';

export const claimsPerLineMax = 256; // all of a line is read to decide about one of its claims
export const linesMax = 100_000; // names that were ever claimed: about 10 MiB of records
export const holderLengthMax = 128; // a host name, a process and a word besides
export const claimDataLengthMax = 4_096; // an address and a few words; content belongs elsewhere
export const claimTtlSecondsMin = 5; // the shortest lease of a store
export const claimTtlSecondsMax = 3_600; // who holds for longer than an hour renews
export const claimTtlSecondsDefault = 30; // a program's pause is shorter, a person's patience not
export const claimWaitMsMax = 300_000; // a request that stays open longer is cut on many a way

/** One name that is claimed. Kept when nobody claims it, so that tickets only rise. */
export interface Line {
  /** The last ticket that was given. */
  readonly last: number;
  /** How much may be held at once; 0 where nothing is counted. */
  readonly capacity: number;
}

export type ClaimMode = 'exclusive' | 'shared';

export interface Claim {
  /** Whoever asks: one party. */
  readonly holder: string;
  readonly mode: ClaimMode;
  /** How much of the capacity it takes. */
  readonly weight: number;
  /** Whether its holder was told. Before, it only keeps a place. */
  readonly granted: boolean;
  readonly ttlSeconds: number;
  /** When it was granted or made, by the clock of the node that did it: for people to read. */
  readonly sinceMs: number;
  readonly data: string;
}

/** Tickets and how many lines there are, over all lines of a kind. */
export interface Register {
  /** No line that is made anew begins below it. */
  readonly floor: number;
  readonly lines: number;
}

export interface ClaimTables {
  /** By name. */
  readonly lines: Table<Line>;
  /** By name and ticket. */
  readonly claims: Table<Claim>;
  /** One row. */
  readonly register: Table<Register>;
}

const count = z.number().int().nonnegative();
const lineSchema: z.ZodType<Line> = z.object({ last: count, capacity: count });
const claimSchema: z.ZodType<Claim> = z.object({
  holder: z.string(),
  mode: z.enum(['exclusive', 'shared']),
  weight: count,
  granted: z.boolean(),
  ttlSeconds: count,
  sinceMs: count,
  data: z.string(),
});
const registerSchema: z.ZodType<Register> = z.object({ floor: count, lines: count });

/** The lines of one kind, `lock` or `election`, in a store that several kinds may share. */
export function claimTables(store: KeyValueStore, codec: Codec, kind: string): ClaimTables {
  const base = { store, codec };
  return {
    lines: table({ ...base, name: `${kind}-line`, schema: lineSchema }),
    claims: table({ ...base, name: `${kind}-claim`, schema: claimSchema }),
    register: table({ ...base, name: `${kind}-register`, schema: registerSchema }),
  };
}

/** What locks, counters, queues and the like are called. */
export const lineNameSchema: z.ZodType<string> = z
  .string()
  .max(nameLengthMax)
  .regex(
    /^[A-Za-z0-9_][A-Za-z0-9_.:/-]*$/,
    'a name begins with a letter, a digit or "_", and goes on with these, ".", ":", "/" and "-"',
  );

export const holderSchema: z.ZodType<string> = z
  .string()
  .min(1)
  .max(holderLengthMax)
  .regex(/^\P{C}*$/u, 'a holder has no control characters: it is printed on terminals');

export const ttlSecondsSchema: z.ZodType<number> = z
  .number()
  .int()
  .min(claimTtlSecondsMin)
  .max(claimTtlSecondsMax);

export const waitMsSchema: z.ZodType<number> = z.number().int().min(0).max(claimWaitMsMax);

/** A row of a line, by its ticket. */
export interface Standing {
  readonly ticket: number;
  readonly claim: Claim;
  readonly modRevision: number;
  readonly lease: string;
}

export type Admits = (ahead: readonly Standing[], own: Claim, line: Line) => boolean;

/** Several shared claims at once, or one exclusive; who came first is never overtaken. */
export const admitsLock: Admits = (ahead, own) =>
  own.mode === 'exclusive'
    ? ahead.length === 0
    : ahead.every(({ claim }) => claim.mode === 'shared');

/** As much as the capacity; a large claim waits in its place, and nobody passes it. */
export const admitsWeight: Admits = (ahead, own, line) =>
  ahead.reduce((sum, { claim }) => sum + claim.weight, own.weight) <= line.capacity;

/** How one kind of line lets its claims in. */
export interface Order {
  readonly admits: Admits;
  /** Those ahead of a claim that is not admitted whose going may admit it: one of them at least. */
  readonly blocking: (ahead: readonly Standing[], own: Claim) => readonly Standing[];
}

export const lockOrder: Order = {
  admits: admitsLock,
  blocking: (ahead, own) =>
    (own.mode === 'exclusive'
      ? ahead
      : ahead.filter(({ claim }) => claim.mode === 'exclusive')
    ).slice(-1),
};

export const weightOrder: Order = { admits: admitsWeight, blocking: (ahead) => ahead };
