// What the gate and other capabilities ask: may this caller, and may it pass that on.
import {
  anyContains,
  HansaError,
  parseScope,
  principal as nameOf,
  readScope,
  scopeContains,
  type Asked,
  type Caller,
  type Principal,
  type Scope,
} from '@hansa/foundation';
import { ownerRoleName } from './contract.ts';
import {
  askedText,
  judge,
  speaksFor,
  standingBehind,
  type Judgement,
  type JudgingNeeds,
} from './judging.ts';
import { createReaching, type ReachingNeeds } from './reaching.ts';
import { standingOf } from './standing.ts';
import type { AccessControl } from './uses.ts';

export interface ControlNeeds extends ReachingNeeds {
  readonly directories: JudgingNeeds['directories'];
  readonly subscribe: (changed: () => void) => () => void;
}

export function createControl(needs: ControlNeeds): AccessControl {
  const scopesOf = (principal: Principal): 'all' | readonly string[] =>
    scopesOfPrincipal(needs, principal);
  const requireGrantable = granting(needs, scopesOf);
  return {
    authorise(caller, asked) {
      const judgement = judge(needs, caller, asked);
      if (!judgement.allowed) {
        throw refusal(caller, asked, judgement);
      }
    },
    decide(caller, asked) {
      const { allowed, reason, policies, roles } = judge(needs, caller, asked);
      return { allowed, reason, policies, roles };
    },
    requireGrantable,
    ...createReaching(needs, { requireGrantable }),
    scopesOf,
    subscribe: needs.subscribe,
  };
}

function granting(
  needs: ControlNeeds,
  scopesOf: (principal: Principal) => Ceiling,
): AccessControl['requireGrantable'] {
  return (caller, scopes) => {
    const wanted = scopes.map((text) => ({ text, scope: parseScope(text) }));
    if (caller === undefined || caller.kind === 'owner') {
      return;
    }
    const ceilings = ceilingsOf(caller, scopesOf);
    for (const { text, scope } of wanted) {
      if (!ceilings.every((ceiling) => covers(ceiling, scope))) {
        throw widened(text, 'lies outside what you may yourself');
      }
      const forbidden = forbiddenWithin(needs, caller, scope);
      if (forbidden !== undefined) {
        throw widened(
          text,
          `has "${forbidden}" in it, which a policy forbids you, all or some of it`,
        );
      }
    }
  };
}

function refusal(caller: Caller, asked: Asked, judgement: Judgement): HansaError {
  const { code, reason } = judgement;
  const { permission, target } = asked;
  const about = target === undefined ? '' : ` ${target}`;
  const principal = principalOf(caller);
  const why =
    principal === undefined ? undefined : `hansa access why ${principal} ${permission}${about}`;
  const fix = judgement.fix ?? why;
  return new HansaError(code, `${named(caller)} may not use ${askedText(asked)}: ${reason}`, {
    ...(fix === undefined ? {} : { fix }),
    facts: { permission, ...(target === undefined ? {} : { target }) },
  });
}

/** A token that speaks for nobody is the word of its cluster. */
function principalOf(caller: Caller): Principal | undefined {
  if (caller.kind === 'principal') {
    return caller.principal;
  }
  if (caller.kind !== 'token') {
    return undefined;
  }
  const { root } = caller;
  return caller.principal ?? (root && nameOf({ kind: 'cluster', name: root }));
}

function named(caller: Caller): string {
  return caller.kind === 'cluster'
    ? `cluster ${caller.cluster}`
    : (principalOf(caller) ?? `the ${caller.kind} caller`);
}

function scopesOfPrincipal(needs: ControlNeeds, principal: Principal): 'all' | readonly string[] {
  const { subject } = standingOf(needs, principal);
  if (subject.roles.includes(ownerRoleName)) {
    return 'all';
  }
  const scopes = subject.roles.flatMap((role) => needs.directories.role(role)?.scopes ?? []);
  return [...new Set(scopes)];
}

type Ceiling = 'all' | readonly string[];

/** What is given must lie within each of them. */
function ceilingsOf(
  caller: Exclude<Caller, { kind: 'owner' }>,
  scopesOf: (principal: Principal) => Ceiling,
): readonly Ceiling[] {
  switch (caller.kind) {
    case 'principal':
      return [scopesOf(caller.principal)];
    case 'token': {
      const principal = speaksFor(caller);
      return principal === undefined ? [caller.scopes] : [caller.scopes, scopesOf(principal)];
    }
    default:
      return [[]];
  }
}

function covers(ceiling: Ceiling, scope: Scope): boolean {
  return (
    ceiling === 'all' ||
    anyContains(
      ceiling.flatMap((text) => readScope(text) ?? []),
      scope,
    )
  );
}

/**
 * Roles are not all: who is forbidden something by a policy cannot have others do it. What is
 * forbidden to everybody is so to those others as well.
 */
function forbiddenWithin(needs: ControlNeeds, caller: Caller, scope: Scope): string | undefined {
  if (scope.form !== 'api' || (caller.kind !== 'principal' && caller.kind !== 'token')) {
    return undefined;
  }
  const { name: _name, ...all } = scope;
  const { subject } = standingBehind(needs, caller);
  return needs.permissions().find((permission) => {
    const asked = parseScope(`api:${permission}`);
    if (!scopeContains(all, asked)) {
      return false;
    }
    const { forbids } = needs.ruling.reach({ subject, permission });
    return forbids.some(({ everybody }) => everybody !== true);
  });
}

function widened(text: string, how: string): HansaError {
  return new HansaError('GRANT_WIDENED', `"${text}" ${how}`, {
    fix: 'hansa whoami shows what you may; ask somebody who has it',
    facts: { scope: text },
  });
}
