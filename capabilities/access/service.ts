// Decisions explained: for one principal, for all, for the caller itself. The words are those of
// the gate, by the same code.
import {
  HansaError,
  splitPrincipal,
  type Call,
  type Caller,
  type Clock,
  type ClusterId,
  type Principal,
  type WatchedTable,
} from '@hansa/foundation';
import type { Account, Directories } from '../directory/contract.ts';
import type { Peers } from '../links/contract.ts';
import {
  planDecisionsMax,
  whoCanMax,
  type Able,
  type Access,
  type Explained,
  type Myself,
  type PermissionRow,
} from './contract.ts';
import { judge, targetOf, withinScopes, type JudgingNeeds } from './judging.ts';
import type { MapRecord, PolicyRecord } from './keys.ts';
import { inOrder, withPauses } from './many.ts';
import { createMapping, type MappingNeeds } from './mapping.ts';
import { createPolicing, type PolicingNeeds } from './policing.ts';
import type { Ruling } from './ruling.ts';
import { readPrincipal } from './spelling.ts';
import { standingOf, type Standing } from './standing.ts';
import type { AccessControl } from './uses.ts';

export interface AccessServiceNeeds extends JudgingNeeds, MappingNeeds, PolicingNeeds {
  readonly clock: Clock;
  readonly peers: Pick<Peers, 'resolve' | 'standing'>;
  readonly directories: Directories;
  readonly ruling: Ruling;
  readonly control: AccessControl;
  readonly rows: () => readonly PermissionRow[];
  readonly mapTable: WatchedTable<MapRecord>;
  readonly policyTable: WatchedTable<PolicyRecord>;
}

export function createAccess(needs: AccessServiceNeeds): Access {
  return {
    why: async (asked) => explain(needs, asked),
    whyMe: async (asked, call) => explainTo(needs, call?.caller ?? { kind: 'owner' }, asked),
    whoCan: (asked, call) => whoCan(needs, asked, call),
    whoami: async (_input, call) => whoami(needs, call?.caller ?? { kind: 'owner' }),
    permissions: async () => ({ permissions: needs.rows() }),
    ...createMapping(needs),
    ...createPolicing(needs),
  };
}

function explain(
  needs: AccessServiceNeeds,
  { principal: spelled, permission, target, scopes }: Parameters<Access['why']>[0],
): Explained {
  requireKnown(needs, permission);
  const principal = readPrincipal(needs, spelled);
  const asked = { permission, target };
  const judgement = judge(needs, callerFor(principal), asked);
  const { account, refusal } = knownAs(needs, principal);
  const within =
    scopes === undefined ? undefined : withinScopes(scopes, permission, targetOf(needs, asked));
  const { allowed, reason, policies, roles } = judgement;
  const cut = allowed && within === false;
  return {
    ...namesOf(principal, account),
    permission,
    ...(target === undefined ? {} : { target }),
    known: refusal === undefined,
    ...(within === undefined ? {} : { withinScopes: within }),
    allowed: allowed && within !== false,
    reason: cut ? `${reason}, and a token of these scopes does not` : reason,
    policies,
    roles,
  };
}

function explainTo(
  needs: AccessServiceNeeds,
  caller: Caller,
  { permission, target }: Parameters<Access['whyMe']>[0],
): Explained {
  requireKnown(needs, permission);
  const { allowed, reason, policies, roles } = judge(needs, caller, { permission, target });
  const { principal, displayName, kind } = whoami(needs, caller);
  return {
    principal: principal ?? kind,
    ...(displayName === undefined ? {} : { displayName }),
    permission,
    ...(target === undefined ? {} : { target }),
    known: kind !== 'anonymous',
    allowed,
    reason,
    policies,
    roles,
  };
}

/** A cluster has no account: its link is what it is known by. */
function knownAs(
  needs: AccessServiceNeeds,
  principal: Principal,
): Pick<Standing, 'account' | 'refusal'> {
  return isCluster(principal) ? {} : standingOf(needs, principal);
}

function isCluster(principal: Principal): boolean {
  return splitPrincipal(principal).kind === 'cluster';
}

/** As if it had logged in now; a cluster, as if one of its tokens came that says everything. */
function callerFor(principal: Principal): Caller {
  if (isCluster(principal)) {
    const root = splitPrincipal(principal).name as ClusterId;
    const scopes = ['api:*'];
    const bare = { holder: 'bearer', subject: principal, chain: [], expiresMs: 0 };
    return { kind: 'token', ...bare, scopes, root };
  }
  return { kind: 'principal', principal, proof: 'session:asked', expiresMs: 0 };
}

function namesOf(
  principal: string,
  account: Account | undefined,
): { readonly principal: string; readonly displayName?: string } {
  const displayName = account?.displayName;
  return { principal, ...(displayName === undefined ? {} : { displayName }) };
}

function requireKnown({ rows }: Pick<AccessServiceNeeds, 'rows'>, permission: string): void {
  if (!rows().some((row) => row.permission === permission)) {
    throw new HansaError('INPUT_INVALID', `there is no permission "${permission}"`, {
      fix: 'hansa access permissions lists them',
    });
  }
}

async function whoCan(
  needs: AccessServiceNeeds,
  asked: Parameters<Access['whoCan']>[0],
  call: Call | undefined,
): Promise<{ readonly principals: readonly Able[]; readonly truncated: boolean }> {
  requireKnown(needs, asked.permission);
  const accounts = inOrder(needs.directories);
  const seen = accounts.slice(0, planDecisionsMax);
  const principals: Able[] = [];
  for await (const account of withPauses(seen, needs.clock, call?.signal)) {
    const { allowed, policies } = judge(needs, callerFor(account.principal), asked);
    if (allowed) {
      principals.push({ ...namesOf(account.principal, account), policies });
    }
  }
  const truncated = principals.length > whoCanMax || seen.length < accounts.length;
  return { principals: principals.slice(0, whoCanMax), truncated };
}

function whoami(needs: AccessServiceNeeds, caller: Caller): Myself {
  switch (caller.kind) {
    case 'principal': {
      const { principal, proof, expiresMs } = caller;
      return { ...standingHere(needs, principal), kind: 'principal', proof, expiresMs };
    }
    case 'token': {
      const { principal, scopes, chain, expiresMs } = caller;
      const proof = `token:${chain[0] ?? ''}`;
      const own = principal === undefined ? nobody : standingHere(needs, principal);
      return { ...own, kind: 'token', proof, all: false, scopes, expiresMs };
    }
    default:
      return { ...nobody, kind: caller.kind, all: caller.kind === 'owner' };
  }
}

const nobody = { roles: [], all: false, scopes: [] } as const;

function standingHere(needs: AccessServiceNeeds, principal: Principal): Omit<Myself, 'kind'> {
  const { account, roles } = standingOf(needs, principal);
  const scopes = needs.control.scopesOf(principal);
  const all = scopes === 'all';
  return { ...namesOf(principal, account), roles, all, scopes: all ? [] : scopes };
}
