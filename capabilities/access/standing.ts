// Who a principal is here, and which roles count: at home those that it was given, of another
// cluster none but what its roles and groups are mapped to here. Pure.
import {
  HansaError,
  splitPrincipal,
  type ClusterId,
  type Principal,
  type PrincipalParts,
} from '@hansa/foundation';
import type { Account, Directories } from '../directory/contract.ts';
import type { Peers } from '../links/contract.ts';
import type { PolicySubject } from './engine.ts';
import type { MapRecord } from './keys.ts';

export interface CountingRole {
  readonly role: string;
  /** A sentence for people: how it came about. */
  readonly because: string;
}

export interface Standing {
  readonly subject: PolicySubject;
  readonly roles: readonly CountingRole[];
  readonly account?: Account | undefined;
  /** Why nothing counts, where nobody who is let in stands behind the name. */
  readonly refusal?: HansaError | undefined;
}

export interface StandingNeeds {
  readonly cluster: ClusterId;
  readonly directories: Pick<Directories, 'find' | 'role'>;
  readonly peers: Pick<Peers, 'standing'>;
  /** Of one cluster. */
  readonly maps: (cluster: ClusterId) => readonly MapRecord[];
}

export function standingOf(needs: StandingNeeds, principal: Principal): Standing {
  const { cluster, directories } = needs;
  const { kind, name, home = cluster } = splitPrincipal(principal);
  const foreign = home !== cluster;
  const canonical = foreign ? principal : withoutHome({ kind, name });
  const account = kind === 'cluster' ? undefined : directories.find(canonical);
  const refusal = refusalOf(needs, { principal: canonical, kind, home, account });
  const counting =
    account === undefined || refusal !== undefined
      ? []
      : foreign
        ? mappedRoles(needs, account, home)
        : ownRoles(account, cluster);
  const roles = counting.filter(({ role }) => directories.role(role) !== undefined);
  const suffix = foreign ? `@${home}` : '';
  return {
    subject: {
      kind: kind === 'cluster' ? 'token' : kind,
      id: `${name}${suffix}`,
      name,
      home,
      foreign,
      roles: [...new Set(roles.map(({ role }) => role))],
      groups: (account?.groups ?? []).map((group) => `${group}${suffix}`),
    },
    roles,
    account,
    refusal,
  };
}

function withoutHome({ kind, name }: PrincipalParts): Principal {
  return `${kind}:${name}` as Principal;
}

/** A workload has no account: its certificate speaks for it, and policies alone permit things. */
function refusalOf(
  { peers, cluster }: StandingNeeds,
  given: {
    readonly principal: Principal;
    readonly kind: string;
    readonly home: ClusterId;
    readonly account: Account | undefined;
  },
): HansaError | undefined {
  const { principal, kind, home, account } = given;
  if (home !== cluster && peers.standing(home).trust === 'blocked') {
    return new HansaError('PRINCIPAL_DISABLED', `the cluster that ${principal} is of is blocked`, {
      fix: 'hansa trust list',
    });
  }
  if (account?.disabled === true) {
    return new HansaError('PRINCIPAL_DISABLED', `${principal} is disabled`, {
      fix: `ask an operator: hansa access who-can directory.write`,
    });
  }
  return account === undefined && kind !== 'workload'
    ? new HansaError('CALLER_UNKNOWN', `nobody is known here as ${principal}`, {
        fix: 'hansa user list',
      })
    : undefined;
}

function ownRoles({ roles }: Account, cluster: ClusterId): readonly CountingRole[] {
  return roles
    .filter((grant) => grant.cluster === undefined || grant.cluster === cluster)
    .map(({ role, by, cluster: only }) => ({
      role,
      because: `given to ${by}${only === undefined ? '' : ', for this cluster'}`,
    }));
}

function mappedRoles(
  { maps, cluster, peers }: StandingNeeds,
  account: Account,
  home: ClusterId,
): readonly CountingRole[] {
  const own = splitPrincipal(account.principal);
  const held = new Set([
    `${own.kind}:${own.name}`,
    ...account.groups.map((group) => `group:${group}`),
    ...account.roles
      .filter((grant) => grant.cluster === undefined || grant.cluster === cluster)
      .map(({ role }) => `role:${role}`),
  ]);
  const homeName = peers.standing(home).name ?? home.slice(0, 8);
  return maps(home)
    .filter(({ from }) => held.has(from))
    .map(({ from, role }) => ({ role, because: `${from} of ${homeName} is ${role} here` }));
}
