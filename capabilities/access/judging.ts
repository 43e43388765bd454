// Whether a caller may: who stands behind it, what its token says at the most, what roles and
// policies say of that, and the sentence that explains it.
import {
  anyContains,
  HansaError,
  readScope,
  type Asked,
  type Caller,
  type ErrorCode,
  type Principal,
  type Scope,
} from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import type { PolicySubject, PolicyTarget } from './engine.ts';
import { issuerRole, rolePolicyId, type Ruling } from './ruling.ts';
import { standingOf, type Standing, type StandingNeeds } from './standing.ts';
import { readTarget, type TargetNeeds } from './target.ts';
import type { Decision } from './uses.ts';

export interface Judgement extends Decision {
  /** What a refusal is called. */
  readonly code: ErrorCode;
  readonly fix?: string | undefined;
}

export interface JudgingNeeds extends StandingNeeds, TargetNeeds {
  readonly peers: Pick<Peers, 'resolve' | 'standing'>;
  readonly ruling: Pick<Ruling, 'ask'>;
}

type TokenCaller = Extract<Caller, { kind: 'token' }>;

export function judge(needs: JudgingNeeds, caller: Caller, asked: Asked): Judgement {
  const { permission } = asked;
  if (permission === 'open') {
    return plain(true, 'it is open to everybody');
  }
  if (caller.kind === 'cluster' || permission === 'peer') {
    return caller.kind === 'cluster' && permission === 'peer'
      ? plain(true, 'linked clusters may call it')
      : plain(false, caller.kind === 'cluster' ? 'it is not for clusters' : 'it is for clusters');
  }
  switch (caller.kind) {
    case 'owner':
      if (asked.permission === 'self') {
        return plain(false, 'it is about whoever has logged in, and the owner token is nobody');
      }
      return plain(true, 'the owner of the cluster may do everything');
    case 'anonymous':
      return plain(false, 'nobody has logged in');
    case 'principal':
      return judgePrincipal(needs, caller, asked);
    default:
      return judgeToken(needs, caller, asked);
  }
}

function plain(allowed: boolean, reason: string): Judgement {
  return { allowed, reason, policies: [], roles: [], code: 'FORBIDDEN' };
}

interface Speaking {
  readonly principal: Principal;
  /** When what it comes with was made, where that may be older than the account. */
  readonly issuedMs?: number | undefined;
}

function judgePrincipal(needs: JudgingNeeds, speaking: Speaking, asked: Asked): Judgement {
  const { principal, issuedMs } = speaking;
  const standing = standingOf(needs, principal);
  const { roles } = standing;
  const refusal = standing.refusal ?? olderThan(standing, issuedMs);
  if (refusal !== undefined) {
    const { code, message, fix } = refusal;
    return { allowed: false, reason: message, policies: [], roles, code, fix };
  }
  return asked.permission === 'self'
    ? plain(true, `${principal} may, about itself`)
    : ruledOn(needs, standing, asked);
}

/** Whoever had the name before is somebody else; certificates know whole seconds. */
function olderThan(
  { account, subject }: Standing,
  issuedMs: number | undefined,
): HansaError | undefined {
  const sinceMs = Math.floor((account?.sinceMs ?? 0) / 1_000) * 1_000;
  return issuedMs === undefined || issuedMs >= sinceMs
    ? undefined
    : new HansaError('CALLER_UNKNOWN', `the certificate is older than the account ${subject.id}`, {
        fix: 'ask for a new one: hansa cert issue',
      });
}

/** What the token says is the most; whom it speaks for may less, perhaps. */
function judgeToken(needs: JudgingNeeds, caller: TokenCaller, asked: Asked): Judgement {
  if (asked.permission === 'self') {
    return plain(false, 'it is for whoever has logged in themselves');
  }
  const target = targetOf(needs, asked);
  if (!withinScopes(caller.scopes, asked.permission, target)) {
    return { ...plain(false, 'the token has no scope for it'), ...widerScope(asked, target) };
  }
  const principal = speaksFor(caller);
  return principal === undefined
    ? ruledOn(needs, issuerStanding(needs, caller), asked)
    : judgePrincipal(needs, { principal }, asked);
}

/** A cluster's word about itself is the word of whoever issued the token. */
export function speaksFor({ principal }: TokenCaller): Principal | undefined {
  return principal?.startsWith('cluster:') === true ? undefined : principal;
}

/** Who stands behind a caller as policies see it. */
export function standingBehind(
  needs: JudgingNeeds,
  caller: Extract<Caller, { kind: 'principal' | 'token' }>,
): Standing {
  if (caller.kind === 'principal') {
    return standingOf(needs, caller.principal);
  }
  const principal = speaksFor(caller);
  return principal === undefined ? issuerStanding(needs, caller) : standingOf(needs, principal);
}

function widerScope(
  { permission }: Asked,
  target: PolicyTarget | undefined,
): { readonly code: ErrorCode; readonly fix: string } {
  const bound = target?.own === true ? ` or "api:${permission}:${target.name}"` : '';
  return { code: 'TOKEN_SCOPE', fix: `it would need the scope "api:${permission}"${bound}` };
}

/** Whether one of the scopes has the permission, on own resources by their names. */
export function withinScopes(
  scopes: readonly string[],
  permission: string,
  target: PolicyTarget | undefined,
): boolean {
  const wanted = readScope(`api:${permission}`);
  if (wanted?.form !== 'api') {
    return false;
  }
  const named: Scope = target?.own === true ? { ...wanted, name: target.name } : wanted;
  return anyContains(
    scopes.flatMap((scope) => readScope(scope) ?? []),
    named,
  );
}

/** A token without a principal is its issuer's word: judged when it came in, but for policies. */
function issuerStanding(
  { cluster }: JudgingNeeds,
  { holder, root = cluster }: TokenCaller,
): Standing {
  const subject: PolicySubject = {
    kind: 'token',
    id: holder,
    name: holder,
    home: root,
    foreign: root !== cluster,
    roles: [issuerRole],
    groups: [],
  };
  return { subject, roles: [] };
}

export function targetOf(needs: TargetNeeds, { target }: Asked): PolicyTarget | undefined {
  return target === undefined ? undefined : readTarget(needs, target);
}

/** The word of roles and policies alone. */
export function ruledOn(needs: JudgingNeeds, standing: Standing, asked: Asked): Judgement {
  const { subject, roles } = standing;
  const target = targetOf(needs, asked);
  try {
    const verdict = needs.ruling.ask({ subject, permission: asked.permission, target });
    const { allowed, policies } = verdict;
    const reason = reasonOf({ allowed, policies, standing, asked });
    return { allowed, reason, policies, roles, code: 'FORBIDDEN' };
  } catch (error) {
    if (error instanceof HansaError && error.code === 'FORBIDDEN') {
      const { code, message, fix } = error;
      return { allowed: false, reason: message, policies: [], roles, code, fix };
    }
    throw error;
  }
}

function reasonOf(given: {
  readonly allowed: boolean;
  readonly policies: readonly string[];
  readonly standing: Standing;
  readonly asked: Asked;
}): string {
  const { allowed, policies, standing } = given;
  const { roles, subject } = standing;
  const named = policies.map((id) => namedPolicy(id)).join(' and ');
  if (policies.length > 0) {
    const verb = allowed ? 'allow' : 'forbid';
    return `${named} ${policies.length === 1 ? `${verb}s` : verb} it`;
  }
  const [first] = roles;
  if (first === undefined) {
    return subject.foreign
      ? `nothing of ${subject.name}’s home is mapped to a role here`
      : `${subject.name} has no role here`;
  }
  const held = [...new Set(roles.map(({ role }) => role))];
  return `no role of ${subject.name} here allows it (${held.join(', ')})`;
}

function namedPolicy(id: string): string {
  const [kind, name = ''] = id.split(':');
  if (id === rolePolicyId(name)) {
    return `the role ${name}`;
  }
  return kind === 'token' ? 'the token’s issuer' : `the policy ${id}`;
}

/** As it is told: in errors, and to whoever asks why. */
export function askedText({ permission, target }: Asked): string {
  return `"${permission}"${target === undefined ? '' : ` on ${target}`}`;
}
