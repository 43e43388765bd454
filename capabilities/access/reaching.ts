// Whom a caller may stand in for, and what accounts it may change. Roles are given by scopes; here
// is what policies say besides: of whoever they name, and of whoever is in a group or has a role.
import { HansaError, type Caller } from '@hansa/foundation';
import type { Account } from '../directory/contract.ts';
import { ownerRoleName } from './contract.ts';
import { standingBehind, withinScopes, type JudgingNeeds } from './judging.ts';
import { isRolePolicy, type Reach, type Ruling } from './ruling.ts';
import { standingOf, type Standing } from './standing.ts';
import type { AccessControl, AccountChange } from './uses.ts';

// of one act: each takes two decisions for every permission, some milliseconds
const accountsLookedAtMax = 64;
/** All there is: what an owner may. */
const everything: readonly string[] = ['api:*', '*:*:**', 'app:*'];

export interface ReachingNeeds extends JudgingNeeds {
  readonly ruling: Pick<Ruling, 'ask' | 'reach'>;
  /** Every permission that there is. */
  readonly permissions: () => readonly string[];
  /** How many policies stand beside the roles. */
  readonly policies: () => number;
}

type Granting = Pick<AccessControl, 'requireGrantable'>;

export function createReaching(
  needs: ReachingNeeds,
  { requireGrantable }: Granting,
): Pick<AccessControl, 'requireStandIn' | 'requireChanges'> {
  return {
    requireStandIn(caller, principal) {
      if (caller === undefined || caller.kind === 'owner') {
        return;
      }
      const account = needs.directories.find(principal);
      const standing = account === undefined ? standingOf(needs, principal) : asIs(needs, account);
      requireGrantable(caller, scopesOf(needs, standing));
      requireWithin(needs, caller, { after: standing });
    },
    requireChanges(caller, changes) {
      if (caller === undefined || caller.kind === 'owner' || needs.policies() === 0) {
        return;
      }
      for (const { before, after } of ownFirst(caller, changes).slice(0, accountsLookedAtMax)) {
        const was = counting(before, after);
        requireWithin(needs, caller, {
          before: was === undefined ? undefined : asIs(needs, was),
          after: asIs(needs, after),
        });
      }
    },
  };
}

/** Whoever is disabled may come back, as who they were. */
function asIs(needs: ReachingNeeds, account: Account): Standing {
  const { directories } = needs;
  const here = {
    find: () => ({ ...account, disabled: false }),
    role: (name: string) => directories.role(name),
  };
  return standingOf({ ...needs, directories: here }, account.principal);
}

function scopesOf({ directories }: ReachingNeeds, { subject }: Standing): readonly string[] {
  return subject.roles.includes(ownerRoleName)
    ? everything
    : subject.roles.flatMap((role) => directories.role(role)?.scopes ?? []);
}

/** Who is let in again, or by another mail address, is as if they were new. */
function counting(before: Account | undefined, after: Account): Account | undefined {
  const letIn = before?.disabled === true && !after.disabled;
  const byAnother = after.email !== undefined && before?.email !== after.email;
  return letIn || byAnother ? undefined : before;
}

function ownFirst(caller: Caller, changes: readonly AccountChange[]): readonly AccountChange[] {
  const own = caller.kind === 'principal' || caller.kind === 'token' ? caller.principal : undefined;
  const isOwn = ({ after }: AccountChange): boolean => after.principal === own;
  return [...changes.filter(isOwn), ...changes.filter((each) => !isOwn(each))];
}

function requireWithin(
  needs: ReachingNeeds,
  caller: Caller,
  { before, after }: { readonly before?: Standing | undefined; readonly after: Standing },
): void {
  if (needs.policies() === 0) {
    return;
  }
  const wider = needs.permissions().find((permission) => {
    const reachOf = ({ subject }: Standing): Reach => needs.ruling.reach({ subject, permission });
    const gained = gainedBy(before && reachOf(before), reachOf(after));
    return gained.length > 0 && !has(needs, caller, { permission, gained });
  });
  if (wider !== undefined) {
    throw new HansaError(
      'GRANT_WIDENED',
      `${after.subject.name} would be let do "${wider}", which you may not yourself`,
      {
        fix: 'hansa whoami shows what you may; ask somebody who has it',
        facts: { scope: `api:${wider}` },
      },
    );
  }
}

/** By what it comes to be able to do more; what roles say is asked by their scopes. */
function gainedBy(before: Reach | undefined, after: Reach): readonly string[] {
  if (after.shut) {
    return [];
  }
  const isFree = before?.forbids.some(({ id }) => !after.forbids.some((one) => one.id === id));
  return isFree === true
    ? after.permits
    : after.permits.filter((id) => !isRolePolicy(id) && before?.permits.includes(id) !== true);
}

/** On every resource that it may be about. */
function has(
  needs: ReachingNeeds,
  caller: Caller,
  { permission, gained }: { readonly permission: string; readonly gained: readonly string[] },
): boolean {
  if (caller.kind !== 'principal' && caller.kind !== 'token') {
    return caller.kind === 'owner';
  }
  const { subject, refusal } = standingBehind(needs, caller);
  const { permitted, permits, forbids } = needs.ruling.reach({ subject, permission });
  return (
    refusal === undefined &&
    (caller.kind === 'principal' || withinScopes(caller.scopes, permission, undefined)) &&
    // Who is forbidden like everybody else gives nobody more than they have.
    forbids.every(({ everybody }) => everybody === true) &&
    (permitted || gained.every((id) => permits.includes(id)))
  );
}
