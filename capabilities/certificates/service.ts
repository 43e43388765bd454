// What people and programs ask of certificates, put together from the rooms.
import { bundleView } from './bundles.ts';
import {
  certificatePageMax,
  type CertificateRow,
  type Certificates,
  type RootRotation,
} from './contract.ts';
import type { Expiring } from './expiring.ts';
import type { Issuing } from './issuing.ts';
import type { IssuedRecord } from './keys.ts';
import type { CertificateParts } from './parts.ts';
import type { Roles } from './roles.ts';
import type { Roots } from './roots.ts';
import { trustDomain } from './spiffe.ts';

export interface CertificatesNeeds {
  readonly parts: CertificateParts;
  readonly roots: Roots;
  readonly named: Roles;
  readonly issuing: Issuing;
  readonly expiring: Expiring;
}

const crlValidityMs = 24 * 3_600_000; // made anew whenever it is asked for

export function createCertificates(needs: CertificatesNeeds): Certificates {
  const { parts, roots, named, issuing, expiring } = needs;
  return {
    roles: async () => ({ roles: named.all() }),
    putRole: (input) => named.put(input),
    async removeRole({ role }) {
      await named.remove(role);
      return { role };
    },
    issue: (input, call) => issuing.issue(input, call?.caller),
    async list({ after = '' }) {
      const rows = [...parts.issued.rows.values()]
        .map(({ value }) => value)
        .filter(({ serial, notAfterMs }) => serial > after && notAfterMs > parts.clock.now())
        .toSorted((a, b) => (a.serial < b.serial ? -1 : 1));
      const page = rows.slice(0, certificatePageMax).map(rowOf);
      return { certificates: page, more: rows.length > page.length };
    },
    show: async ({ serial }) => issuing.find(serial),
    revoke: async ({ serial, reason }) => rowOf(await issuing.revoke(serial, reason)),
    crl: async () => ({ lists: await revocationLists(needs) }),
    async authority() {
      await roots.ensure();
      return { trustDomain: trustDomain(parts.cluster), roots: roots.view() };
    },
    async planRotation() {
      await roots.ensure();
      return roots.plan();
    },
    rotate: (): Promise<RootRotation> => roots.rotate(),
    bundle: ({ peer }) => bundleView(parts, roots, peer),
    async expiring({ withinMs = Number.POSITIVE_INFINITY }) {
      await expiring.refresh();
      const found = expiring.expiries().filter(({ leftMs }) => leftMs <= withinMs);
      return { certificates: found.slice(0, certificatePageMax) };
    },
  };
}

/** Each authority answers for what it has signed itself. */
async function revocationLists({ parts, roots }: CertificatesNeeds): Promise<readonly string[]> {
  const { maker, clock, issued } = parts;
  const root = await roots.ensure();
  const nowMs = clock.now();
  const revoked = [...issued.rows.values()].flatMap(({ value }) =>
    value.revokedMs === undefined || value.notAfterMs <= nowMs
      ? []
      : [{ serial: value.serial, revokedMs: value.revokedMs, root: value.root }],
  );
  const number = roots.bundle()?.sequence ?? 1;
  const known = roots.all();
  return Promise.all(
    (known.length === 0 ? [root] : known).map(async (each) =>
      maker.revocationList(await roots.keyOf(each), {
        number,
        thisUpdateMs: nowMs,
        nextUpdateMs: nowMs + crlValidityMs,
        revoked: revoked.filter((one) => one.root === each.serial),
      }),
    ),
  );
}

function rowOf({ certificate: _text, ...row }: IssuedRecord): CertificateRow {
  return row;
}
