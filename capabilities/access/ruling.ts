// The policies that are in force: a permit for every role, and what operators wrote. Read anew when
// one of them changes, and asked at most once for what was asked before.
import { HansaError, readScope, type Log } from '@hansa/foundation';
import type { Directories, RoleDefinition } from '../directory/contract.ts';
import { decisionsKeptMax } from './contract.ts';
import type {
  PolicyEngine,
  PolicyRequest,
  PolicySet,
  PolicyVerdict,
  RolePermit,
  RolePolicy,
  WrittenPolicy,
} from './engine.ts';
import type { PolicyRecord } from './keys.ts';
import { targetKey } from './target.ts';

/** Of a token that speaks for nobody: it may what it says, unless a policy forbids it. */
export const issuerRole = '@issuer'; // no role is called so
const issuerPolicy: RolePolicy = {
  id: 'token:issuer',
  role: issuerRole,
  permits: [{ contract: '*', action: '*' }],
};

/** What somebody may with a permission, whichever resource it is about. */
export interface Reach {
  /** Permitted, unless something of `forbids` applies. */
  readonly permitted: boolean;
  /** Forbidden, whatever the resource is. */
  readonly shut: boolean;
  /** Policies that permit it on some resources or on all, roles as `role:<name>`. */
  readonly permits: readonly string[];
  /** Those that forbid it on some or on all. */
  readonly forbids: readonly PolicyRecord[];
}

export interface Ruling {
  /** Kept until `generation` changes; FORBIDDEN where the policies cannot be read. */
  ask(request: PolicyRequest): PolicyVerdict;
  /** The same for every resource there may be. */
  reach(request: Omit<PolicyRequest, 'target'>): Reach;
  /** What would be said if these were the written policies, kept nowhere. */
  supposing<T>(
    written: readonly PolicyRecord[],
    act: (ask: Ruling['ask']) => Promise<T>,
  ): Promise<T>;
}

export interface RulingNeeds {
  readonly engine: () => PolicyEngine;
  readonly directories: Pick<Directories, 'roles'>;
  readonly written: () => readonly PolicyRecord[];
  /** Of all that decisions are made of. */
  readonly generation: () => string;
  readonly log: Log;
}

interface Compiled {
  readonly source: string;
  /** What cannot be read is not tried again until it is another. */
  readonly set: PolicySet | HansaError;
}

export function createRuling(needs: RulingNeeds): Ruling {
  let generation: string | undefined;
  let compiled: Compiled | undefined;
  const kept = new Map<string, PolicyVerdict>();

  /** Roles change seldom, people often: what has not changed is not read again. */
  const renewed = (): PolicySet => {
    const parts = partsOf(needs, needs.written());
    const source = JSON.stringify(parts);
    if (compiled?.source !== source) {
      const set = compileIn(needs, parts);
      if (compiled !== undefined && !(compiled.set instanceof HansaError)) {
        compiled.set.release();
      }
      compiled = { source, set };
    }
    return readable(compiled.set);
  };

  const decided = (request: PolicyRequest): PolicyVerdict => {
    const now = needs.generation();
    if (generation !== now) {
      kept.clear();
    }
    const key = keyOf(request);
    const held = kept.get(key);
    if (held !== undefined) {
      return held;
    }
    const set = generation === now && compiled !== undefined ? readable(compiled.set) : renewed();
    generation = now;
    const verdict = set.decide(request);
    if (kept.size >= decisionsKeptMax) {
      // The oldest goes: a map tells its keys in the order they came.
      const [oldest = ''] = kept.keys();
      kept.delete(oldest);
    }
    kept.set(key, verdict);
    return verdict;
  };

  return {
    ask: (request) => ruled(decided(request), needs.written),
    reach: (request) => reachOf(decided({ ...request, target: 'unknown' }), needs.written()),
    async supposing(written, act) {
      const set = readable(compileIn(needs, partsOf(needs, written)));
      try {
        return await act((request) => ruled(set.decide(request), () => written));
      } finally {
        set.release();
      }
    },
  };
}

function partsOf(
  { directories }: RulingNeeds,
  records: readonly PolicyRecord[],
): { readonly roles: readonly RolePolicy[]; readonly written: readonly WrittenPolicy[] } {
  return {
    roles: [...directories.roles().map(rolePolicy), issuerPolicy],
    written: records.map(({ id, text }) => ({ id, text })),
  };
}

function compileIn(
  { engine, log }: RulingNeeds,
  parts: { readonly roles: readonly RolePolicy[]; readonly written: readonly WrittenPolicy[] },
): PolicySet | HansaError {
  try {
    return engine().compile(parts);
  } catch (error) {
    log.problem('access.unreadable', error);
    // Whoever has the data folder can still mend it.
    return new HansaError(
      'FORBIDDEN',
      'the access policies cannot be read: all but the owner wait',
      {
        cause: error,
        fix: 'with the owner token: hansa access policies',
      },
    );
  }
}

function readable(set: PolicySet | HansaError): PolicySet {
  if (set instanceof HansaError) {
    throw set;
  }
  return set;
}

/**
 * A policy that cannot be asked says nothing; where it was written to forbid, what it would have
 * said must not be passed over.
 */
function ruled(verdict: PolicyVerdict, written: () => readonly PolicyRecord[]): PolicyVerdict {
  if (!verdict.allowed || verdict.failed.length === 0) {
    return verdict;
  }
  const forbids = forbidsAmong(verdict.failed, written()).map(({ id }) => id);
  return forbids.length === 0 ? verdict : { ...verdict, allowed: false, policies: forbids };
}

function forbidsAmong(
  ids: readonly string[],
  written: readonly PolicyRecord[],
): readonly PolicyRecord[] {
  return written.filter(({ id, effect }) => effect === 'forbid' && ids.includes(id));
}

/** What could not be asked may apply. */
function reachOf(
  { allowed, policies, failed }: PolicyVerdict,
  written: readonly PolicyRecord[],
): Reach {
  const forbids = forbidsAmong([...policies, ...failed], written);
  const permits = [...(allowed ? policies : []), ...failed].filter(
    (id) => !forbids.some((one) => one.id === id),
  );
  return { permitted: allowed, shut: !allowed && policies.length > 0, permits, forbids };
}

export function rolePolicyId(role: string): string {
  return `role:${role}`;
}

export function isRolePolicy(id: string): boolean {
  return id.startsWith('role:');
}

function rolePolicy({ role, scopes }: RoleDefinition): RolePolicy {
  return { id: rolePolicyId(role), role, permits: scopes.flatMap(permitOf) };
}

/** Of scopes, those of the API are decided here: the others are asked of tokens and of peers. */
function permitOf(text: string): readonly RolePermit[] {
  const scope = readScope(text);
  return scope?.form === 'api'
    ? [{ contract: scope.contract, action: scope.action, names: scope.name }]
    : [];
}

function keyOf({ subject, permission, target }: PolicyRequest): string {
  const about = typeof target === 'object' ? targetKey(target) : (target ?? '');
  // Some ask as if somebody were in other groups, or had other roles.
  const held = `${subject.roles.join(' ')}\n${subject.groups.join(' ')}`;
  // Holders of tokens are called alike, whichever cluster's they are.
  return `${subject.kind}:${subject.id}\n${subject.home}\n${held}\n${permission}\n${about}`;
}
