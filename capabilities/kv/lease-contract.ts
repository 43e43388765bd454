// Leases of a space: what is written under one goes when it ends, as a change like any other.
import { nameLengthMax, targetSpelled, type Call, type Contract } from '@hansa/foundation';
import { z } from 'zod';
import { leaseIdSchema } from './cell.ts';
import { kvKind } from './entries.ts';

export const leasesMax = 1_000; // of one space: each is a lease of the store besides
export const leaseKeysMax = 1_000; // under one lease: they go in a second, in few changes
// the least that every store keeps exactly; a shorter one would end in any hiccup of its holder
export const leaseTtlSecondsMin = 5;
// a month: whatever is to stay longer than that without a word from anybody is no lease
export const leaseTtlSecondsMax: number = 30 * 86_400;

export interface KvLease {
  readonly lease: string;
  /** What it was granted, and gets again whenever it is kept. */
  readonly ttlSeconds: number;
  readonly grantedMs: number;
}

export interface KvLeases {
  /** Of an own space. It ends when it was not kept for its time, never earlier. */
  grantLease(
    input: { space: string; ttlSeconds: number },
    call?: Call,
  ): Promise<{ readonly lease: string; readonly ttlSeconds: number }>;
  /** From now on, it has its whole time again. LEASE_NOT_FOUND where it has ended. */
  keepLease(
    input: { space: string; lease: string },
    call?: Call,
  ): Promise<{ readonly lease: string; readonly ttlSeconds: number }>;
  /** Ends it now; answers when its keys are gone. */
  revokeLease(
    input: { space: string; lease: string },
    call?: Call,
  ): Promise<{ readonly lease: string; readonly deleted: number }>;
  showLease(
    input: { space: string; lease: string },
    call?: Call,
  ): Promise<KvLease & { readonly leftSeconds: number; readonly keys: readonly string[] }>;
  leases(input: { space: string }, call?: Call): Promise<{ readonly leases: readonly KvLease[] }>;
}

const natural = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const spelled = z
  .string()
  .min(1)
  .max(nameLengthMax + 128);
const oneLease = z.strictObject({ space: spelled, lease: leaseIdSchema });
const granted = z.object({ lease: leaseIdSchema, ttlSeconds: natural });
const shownFields = { lease: leaseIdSchema, ttlSeconds: natural, grantedMs: natural };
const unfound = ['RESOURCE_NOT_FOUND', 'MIRROR_NOT_FOUND', 'LINK_NOT_FOUND'] as const;
const unled = [...unfound, 'RESOURCE_READ_ONLY', 'LEASE_NOT_FOUND'] as const;

export const leaseMethods: Contract<KvLeases>['methods'] = {
  grantLease: {
    summary: 'Grants a lease of an own space, for keys that go with it.',
    permission: 'kv.write',
    route: 'POST /kv/leases',
    input: z.strictObject({
      space: spelled,
      ttlSeconds: z.number().int().min(leaseTtlSecondsMin).max(leaseTtlSecondsMax),
    }),
    target: ({ space }) => targetSpelled(kvKind, space),
    output: granted,
    errors: [...unfound, 'RESOURCE_READ_ONLY', 'STORE_LIMIT'],
    since: 2,
  },
  keepLease: {
    summary: 'Gives a lease its whole time again.',
    permission: 'kv.write',
    route: 'POST /kv/leases/keep',
    input: oneLease,
    target: ({ space }) => targetSpelled(kvKind, space),
    output: granted,
    errors: unled,
    since: 2,
  },
  revokeLease: {
    summary: 'Ends a lease now, with the keys under it.',
    permission: 'kv.write',
    route: 'DELETE /kv/leases',
    input: oneLease,
    target: ({ space }) => targetSpelled(kvKind, space),
    output: z.object({ lease: leaseIdSchema, deleted: natural }),
    errors: [...unled, 'RATE_LIMITED'],
    since: 2,
  },
  showLease: {
    summary: 'Shows how long a lease still has, and the keys under it.',
    permission: 'kv.read',
    route: 'GET /kv/leases/show',
    input: oneLease,
    target: ({ space }) => targetSpelled(kvKind, space),
    output: z.object({ ...shownFields, leftSeconds: natural, keys: z.array(z.string()) }),
    errors: unled,
    since: 2,
  },
  leases: {
    summary: 'Lists the leases of an own space.',
    permission: 'kv.read',
    route: 'GET /kv/leases',
    input: z.strictObject({ space: spelled }),
    target: ({ space }) => targetSpelled(kvKind, space),
    output: z.object({ leases: z.array(z.object(shownFields)) }),
    errors: [...unfound, 'RESOURCE_READ_ONLY'],
    since: 2,
  },
};
