// Roles: the bounds within which certificates are issued. Three are built in, one for each kind of
// holder; those let nobody pass for a server.
import { HansaError, patternContains } from '@hansa/foundation';
import {
  certificateNamesMax,
  certificateRolesMax,
  leafTtlMaxMs,
  type CertificateRole,
} from './contract.ts';
import type { CertificateParts } from './parts.ts';
import { issuedKinds, type IssuedKind, type Subject } from './spiffe.ts';

export const builtInRoles: readonly CertificateRole[] = issuedKinds.map((kind) => ({
  role: kind,
  kinds: [kind],
  names: ['**'],
  dns: [],
  ips: [],
  ttlMaxMs: leafTtlMaxMs,
  client: true,
  server: false,
  builtIn: true,
}));

export interface Roles {
  all(): readonly CertificateRole[];
  /** CERTIFICATE_ROLE_NOT_FOUND */
  find(role: string): CertificateRole;
  put(role: Omit<CertificateRole, 'builtIn'>): Promise<CertificateRole>;
  remove(role: string): Promise<void>;
}

export function createRoles({ store, tables, roles }: CertificateParts): Roles {
  const own = (): CertificateRole[] => [...roles.rows.values()].map(({ value }) => value);
  const all = (): readonly CertificateRole[] =>
    [...builtInRoles, ...own()].toSorted((a, b) => (a.role < b.role ? -1 : 1));
  const find = (role: string): CertificateRole => {
    const found = all().find((each) => each.role === role);
    if (found === undefined) {
      throw new HansaError('CERTIFICATE_ROLE_NOT_FOUND', `there is no certificate role "${role}"`);
    }
    return found;
  };
  return {
    all,
    find,
    async put(given) {
      refuseBuiltIn(given.role);
      if (roles.find(given.role) === undefined && roles.rows.size >= certificateRolesMax) {
        throw new HansaError('STORE_LIMIT', `there are ${certificateRolesMax} certificate roles`, {
          fix: 'remove one: hansa cert role remove <role>',
          facts: { max: certificateRolesMax },
        });
      }
      const made = { ...given, builtIn: false };
      const { revision } = await store.batchWrite([tables.roles.put([given.role], made)]);
      await roles.reached(revision);
      return made;
    },
    async remove(role) {
      refuseBuiltIn(role);
      find(role);
      const { revision } = await store.batchWrite([tables.roles.delete([role])]);
      await roles.reached(revision);
    },
  };
}

function refuseBuiltIn(role: string): void {
  if (builtInRoles.some((each) => each.role === role)) {
    throw new HansaError('CERTIFICATE_OUTSIDE_ROLE', `the role "${role}" comes with the node`, {
      fix: 'make one of another name: hansa cert role put <role>',
    });
  }
}

export interface WantedNames {
  readonly dns: readonly string[];
  readonly ips: readonly string[];
  readonly ttlMs: number;
}

/** CERTIFICATE_OUTSIDE_ROLE with what does not fit. */
export function requireWithin(
  role: CertificateRole,
  subject: Subject<IssuedKind>,
  wanted: WantedNames,
): void {
  const { kind, name } = subject;
  if (!role.kinds.includes(kind)) {
    throw outside(role, `is for ${role.kinds.join(', ')}, not for ${kind}s`);
  }
  if (!role.names.some((pattern) => patternContains(pattern, name))) {
    throw outside(role, `is for ${role.names.join(', ')}, and ${name} is not among them`);
  }
  const dns = wanted.dns.find((each) => !role.dns.some((pattern) => dnsFits(pattern, each)));
  if (dns !== undefined) {
    throw outside(role, `does not allow the DNS name ${dns}`);
  }
  const ip = wanted.ips.find((each) => !role.ips.includes(each) && !role.ips.includes('*'));
  if (ip !== undefined) {
    throw outside(role, `does not allow the address ${ip}`);
  }
  if (wanted.ttlMs > role.ttlMaxMs) {
    throw outside(role, `allows at most ${role.ttlMaxMs / 1_000} seconds`, {
      ttlMaxMs: role.ttlMaxMs,
    });
  }
  if (wanted.dns.length + wanted.ips.length > certificateNamesMax) {
    throw outside(role, `like any other allows ${certificateNamesMax} names in one certificate`, {
      namesMax: certificateNamesMax,
    });
  }
}

/** `*.example` stands for one label more, as in certificates; `*` alone for every name. */
function dnsFits(pattern: string, name: string): boolean {
  if (pattern === '*' || pattern === name) {
    return true;
  }
  const dot = name.indexOf('.');
  return pattern.startsWith('*.') && dot > 0 && name.slice(dot) === pattern.slice(1);
}

function outside(
  { role }: CertificateRole,
  why: string,
  facts: Readonly<Record<string, number>> = {},
): HansaError {
  return new HansaError('CERTIFICATE_OUTSIDE_ROLE', `the role "${role}" ${why}`, {
    facts: { role, ...facts },
  });
}
