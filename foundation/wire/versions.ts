// Which versions of which contracts two sides have in common. A contract's version rises with every
// method, field or error it gains; `since` rises only when an older asker cannot be answered any
// more. Each side says its ranges once, and is asked within them from then on.
import { z } from 'zod';
import type { AnyContract } from '../contract.ts';
import { HansaError } from '../errors.ts';

export const spokenContractsMax = 64; // a hello stays far below a frame

/** By contract name, the versions that a side answers. Names that nobody here knows are kept. */
export type Spoken = Readonly<Record<string, { readonly min: number; readonly max: number }>>;

export const spokenSchema: z.ZodType<Spoken> = z
  .record(
    z.string().min(1).max(64),
    z
      .object({ min: z.number().int().positive(), max: z.number().int().positive() })
      .refine(({ min, max }) => min <= max, 'a range begins before it ends'),
  )
  .refine(
    (spoken) => Object.keys(spoken).length <= spokenContractsMax,
    `at most ${spokenContractsMax} contracts`,
  );

export function spokenBy(contracts: readonly AnyContract[]): Spoken {
  return Object.fromEntries(
    contracts.map(({ name, version, since = 1 }) => [name, { min: since, max: version }]),
  );
}

/**
 * The version to ask for a method in. METHOD_UNKNOWN where the far side does not serve it yet,
 * PROTOCOL_MISMATCH where the ranges do not meet.
 */
export function versionToAsk(contract: AnyContract, method: string, spoken: Spoken): number {
  const { name, version, since = 1 } = contract;
  const theirs = Object.hasOwn(spoken, name) ? spoken[name] : undefined;
  if (theirs === undefined) {
    throw new HansaError('METHOD_UNKNOWN', `the far side serves no ${name}`, {
      fix: 'it may be older: compare the versions of both clusters',
    });
  }
  const common = Math.min(version, theirs.max);
  if (common < since || common < theirs.min) {
    throw new HansaError(
      'PROTOCOL_MISMATCH',
      `${name} is spoken in versions ${since} to ${version} here ` +
        `and ${theirs.min} to ${theirs.max} there`,
      { fix: 'upgrade the older of the two clusters', facts: { version: theirs.max } },
    );
  }
  const first = contract.methods[method]?.since ?? 1;
  if (first > common) {
    throw new HansaError(
      'METHOD_UNKNOWN',
      `${name}.${method} needs version ${first} of ${name}; the far side speaks ${common}`,
      { fix: 'upgrade the older of the two clusters' },
    );
  }
  return common;
}
