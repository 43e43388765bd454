// Policies that operators write beside the roles: read by the engine before they are kept, and
// looked at before they are in force.
import {
  HansaError,
  readScope,
  scopeContains,
  type Caller,
  type Clock,
  type KeyValueStore,
  type Log,
  type WatchedTable,
} from '@hansa/foundation';
import type { Account, Directories } from '../directory/contract.ts';
import {
  accessPoliciesMax,
  planChangesMax,
  planDecisionsMax,
  type Access,
  type AccessPolicy,
  type PermissionRow,
  type PolicyPlan,
} from './contract.ts';
import type { PolicyEngine } from './engine.ts';
import { ruledOn, standingBehind, type JudgingNeeds } from './judging.ts';
import type { AccessTables, PolicyRecord } from './keys.ts';
import type { Ruling } from './ruling.ts';
import { inOrder, withPauses } from './many.ts';
import { standingOf } from './standing.ts';
import type { AccessControl } from './uses.ts';

export interface PolicingNeeds extends JudgingNeeds {
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly engine: () => PolicyEngine;
  readonly ruling: Ruling;
  readonly directories: Directories;
  readonly control: Pick<AccessControl, 'requireGrantable'>;
  readonly rows: () => readonly PermissionRow[];
  readonly tables: AccessTables;
  readonly policyTable: WatchedTable<PolicyRecord>;
}

type Policing = Pick<Access, 'putPolicy' | 'planPolicy' | 'policies' | 'policy' | 'removePolicy'>;

export function createPolicing(needs: PolicingNeeds): Policing {
  const { store, clock, log, tables, policyTable, control } = needs;
  return {
    async putPolicy({ id, text }, call) {
      const record = { id, text, ...needs.engine().read(text), writtenMs: clock.now() };
      const replaced = policyTable.find(id)?.value;
      requireNotBound(needs, call?.caller, replaced);
      requireOwnWidening(control, call?.caller, { from: replaced, to: record });
      if (replaced === undefined && policyTable.rows.size >= accessPoliciesMax) {
        throw new HansaError('STORE_LIMIT', `at most ${accessPoliciesMax} policies are kept`, {
          fix: 'say the same with fewer: hansa access policies',
        });
      }
      const { revision } = await store.batchWrite([tables.policies.put([id], record)]);
      await policyTable.reached(revision);
      log.event('access.policy-written', { id, effect: record.effect });
      return record;
    },
    planPolicy: (asked, call) => plan(needs, asked, call?.signal),
    policies: async () => ({ policies: writtenPolicies(policyTable) }),
    policy: async ({ id }) => held(policyTable, id),
    async removePolicy({ id }, call) {
      const record = held(policyTable, id);
      requireNotBound(needs, call?.caller, record);
      requireOwnWidening(control, call?.caller, { from: record, to: undefined });
      const { revision } = await store.batchWrite([tables.policies.delete([id])]);
      await policyTable.reached(revision);
      log.event('access.policy-removed', { id, effect: record.effect });
      return record;
    },
  };
}

/** In the order of their ids: what is compiled is the same wherever it is. */
export function writtenPolicies(policyTable: WatchedTable<PolicyRecord>): readonly PolicyRecord[] {
  return [...policyTable.rows.values()]
    .map(({ value }) => value)
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

function held(policyTable: WatchedTable<PolicyRecord>, id: string): AccessPolicy {
  const record = policyTable.find(id)?.value;
  if (record === undefined) {
    throw new HansaError('ACCESS_POLICY_NOT_FOUND', `there is no access policy "${id}"`);
  }
  return record;
}

/** Whoever a policy forbids something, even on some resources alone, is not who takes it away. */
function requireNotBound(
  needs: PolicingNeeds,
  caller: Caller | undefined,
  record: PolicyRecord | undefined,
): void {
  if (record?.effect !== 'forbid' || (caller?.kind !== 'principal' && caller?.kind !== 'token')) {
    return;
  }
  const { subject } = standingBehind(needs, caller);
  const binds = permissionsOf(needs.rows(), record.permissions).some((permission) =>
    needs.ruling.reach({ subject, permission }).forbids.some(({ id }) => id === record.id),
  );
  if (binds) {
    throw new HansaError(
      'GRANT_WIDENED',
      `the policy ${record.id} forbids you something yourself`,
      {
        fix: 'ask somebody whom it does not bind, or whoever has the owner token',
        facts: { policy: record.id },
      },
    );
  }
}

interface Step {
  readonly from: Pick<PolicyRecord, 'effect' | 'permissions'> | undefined;
  readonly to: Pick<PolicyRecord, 'effect' | 'permissions'> | undefined;
}

/** To permit, and to forbid no more, is to give: nobody gives what they lack. */
function requireOwnWidening(
  control: Pick<AccessControl, 'requireGrantable'>,
  caller: Caller | undefined,
  { from, to }: Step,
): void {
  const wider = [
    ...(from?.effect === 'forbid' ? from.permissions : []),
    ...(to?.effect === 'permit' ? to.permissions : []),
  ];
  control.requireGrantable(
    caller,
    wider.map((permission) => `api:${permission}`),
  );
}

async function plan(
  needs: PolicingNeeds,
  { id, text, targets = [] }: Parameters<Access['planPolicy']>[0],
  signal: AbortSignal | undefined,
): Promise<PolicyPlan> {
  const before = writtenPolicies(needs.policyTable);
  const replaced = before.find((one) => one.id === id);
  const made =
    text === undefined
      ? undefined
      : { id, text, ...needs.engine().read(text), writtenMs: needs.clock.now() };
  const subject = made ?? held(needs.policyTable, id);
  const heads = [...subject.permissions, ...(replaced?.permissions ?? [])];
  const others = before.filter((one) => one.id !== id);
  const after = made === undefined ? others : [...others, made];
  const asked = permissionsOf(needs.rows(), heads).flatMap((permission) =>
    [undefined, ...targets].map((target) => ({ permission, target })),
  );
  const everybody = inOrder(needs.directories);
  const people = everybody.slice(0, Math.floor(planDecisionsMax / Math.max(1, asked.length)));
  const changes = await needs.ruling.supposing(after, async (ask) => {
    const found: PolicyPlan['changes'][number][] = [];
    for await (const account of withPauses(people, needs.clock, signal)) {
      found.push(...changesOf({ ...needs, ask }, account, asked));
    }
    return found;
  });
  return {
    effect: subject.effect,
    permissions: subject.permissions,
    changes: changes.slice(0, planChangesMax),
    truncated: changes.length > planChangesMax || people.length < everybody.length,
  };
}

function permissionsOf(
  rows: readonly PermissionRow[],
  heads: readonly string[],
): readonly string[] {
  const scopes = heads.flatMap((head) => readScope(`api:${head}`) ?? []);
  return rows
    .map(({ permission }) => permission)
    .filter((permission) => {
      const scope = readScope(`api:${permission}`);
      return scope !== undefined && scopes.some((outer) => scopeContains(outer, scope));
    });
}

function changesOf(
  needs: PolicingNeeds & { readonly ask: Ruling['ask'] },
  { principal }: Account,
  asked: readonly { readonly permission: string; readonly target: string | undefined }[],
): readonly PolicyPlan['changes'][number][] {
  const standing = standingOf(needs, principal);
  if (standing.refusal !== undefined) {
    return [];
  }
  const supposed = { ...needs, ruling: { ask: needs.ask } };
  return asked.flatMap(({ permission, target }) => {
    const about = target === undefined ? {} : { target };
    const before = ruledOn(needs, standing, { permission, ...about }).allowed;
    const after = ruledOn(supposed, standing, { permission, ...about }).allowed;
    return before === after ? [] : [{ principal, permission, ...about, before, after }];
  });
}
