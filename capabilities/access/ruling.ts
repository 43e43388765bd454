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

export interface Ruling {
  /** Kept until `generation` changes; FORBIDDEN where the policies cannot be read. */
  ask(request: PolicyRequest): PolicyVerdict;
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

  return {
    ask(request) {
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
      const verdict = ruled(set.decide(request), needs.written());
      if (kept.size >= decisionsKeptMax) {
        // The oldest goes: a map tells its keys in the order they came.
        const [oldest = ''] = kept.keys();
        kept.delete(oldest);
      }
      kept.set(key, verdict);
      return verdict;
    },
    async supposing(written, act) {
      const set = readable(compileIn(needs, partsOf(needs, written)));
      try {
        return await act((request) => ruled(set.decide(request), written));
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
function ruled(verdict: PolicyVerdict, written: readonly PolicyRecord[]): PolicyVerdict {
  const forbids = verdict.failed.filter(
    (id) => written.find((one) => one.id === id)?.effect === 'forbid',
  );
  return forbids.length === 0 || !verdict.allowed
    ? verdict
    : { ...verdict, allowed: false, policies: forbids };
}

export function rolePolicyId(role: string): string {
  return `role:${role}`;
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
  const about = target === undefined ? '' : targetKey(target);
  // Some ask as if somebody were in other groups, or had other roles.
  const held = `${subject.roles.join(' ')}\n${subject.groups.join(' ')}`;
  return `${subject.kind}:${subject.id}\n${held}\n${permission}\n${about}`;
}
