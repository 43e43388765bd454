// Issuing within roles, and revoking. Whoever issues a certificate that somebody logs in with could
// use it: so nobody issues one for those who may more than they do.
import { HansaError, type Caller } from '@hansa/foundation';
import {
  certificateRevocationsMax,
  certificatesMax,
  leafTtlDefaultMs,
  type CertificateRole,
  type CertificateRow,
  type IssuedCertificate,
  type IssueRequest,
} from './contract.ts';
import type { IssuedRecord } from './keys.ts';
import { newSerial, type CertificateParts } from './parts.ts';
import { requireWithin, type Roles } from './roles.ts';
import type { Roots } from './roots.ts';
import { principalOf, readSubject, spiffeId, type IssuedKind, type Subject } from './spiffe.ts';
import { backdatedMs, wholeSecond } from './validity.ts';

export interface Issuing {
  issue(input: IssueRequest, caller: Caller | undefined): Promise<IssuedCertificate>;
  revoke(serial: string, reason: string | undefined): Promise<IssuedRecord>;
  /** CERTIFICATE_NOT_FOUND */
  find(serial: string): IssuedRecord;
  /** Deletes what has run out. */
  clean(): Promise<void>;
}

export interface IssuingNeeds {
  readonly parts: CertificateParts;
  readonly authority: Roots;
  readonly named: Roles;
}

export function createIssuing({ parts, authority, named }: IssuingNeeds): Issuing {
  const { issued, clock } = parts;
  const find = (serial: string): IssuedRecord => {
    const found = issued.find(serial)?.value;
    if (found === undefined) {
      throw new HansaError('CERTIFICATE_NOT_FOUND', `no certificate ${serial} was issued here`);
    }
    return found;
  };
  const clean = (): Promise<void> => deleteEnded(parts);
  return {
    find,
    clean,
    async issue(input, caller) {
      const subject = readSubject(input.subject);
      const role = named.find(input.role ?? subject.kind);
      const wanted = wantedOf(input, role);
      requireWithin(role, subject, wanted);
      requireStandIn(parts, { subject, role, caller });
      await makeRoom(parts, clean);
      const asked = await keyOf(parts, input, subject);
      const issuer = await authority.issuer();
      const nowMs = clock.now();
      const record = await signed(parts, {
        issuer,
        publicKey: asked.publicKey,
        client: role.client,
        server: role.server,
        row: {
          serial: newSerial(parts.random),
          spiffeId: spiffeId(parts.cluster, subject),
          role: role.role,
          dns: wanted.dns,
          ips: wanted.ips,
          issuedMs: nowMs,
          notBeforeMs: wholeSecond(nowMs - backdatedMs),
          notAfterMs: Math.min(wholeSecond(nowMs + wanted.ttlMs), issuer.root.notAfterMs),
          root: issuer.root.serial,
        },
      });
      const put = parts.tables.issued.put([record.serial], record);
      const { revision } = await parts.store.batchWrite([put]);
      await issued.reached(revision);
      const { privateKey } = asked;
      const authorities = authority.all().map(({ certificate }) => certificate);
      return {
        ...record,
        authorities: authorities.join(''),
        ...(privateKey === undefined ? {} : { privateKey }),
      };
    },
    async revoke(serial, reason) {
      const record = find(serial);
      if (record.revokedMs !== undefined) {
        return record;
      }
      requireRevocable(parts);
      const why = reason === undefined ? {} : { reason };
      const revoked: IssuedRecord = { ...record, revokedMs: clock.now(), ...why };
      const put = parts.tables.issued.put([serial], revoked);
      const { revision } = await parts.store.batchWrite([put]);
      await issued.reached(revision);
      await authority.settle();
      return revoked;
    },
  };
}

function wantedOf(input: IssueRequest, role: CertificateRole) {
  const ttlMs = input.ttlMs ?? Math.min(leafTtlDefaultMs, role.ttlMaxMs);
  return { dns: input.dns ?? [], ips: input.ips ?? [], ttlMs };
}

function requireStandIn(
  { access, cluster }: CertificateParts,
  given: {
    readonly subject: Subject<IssuedKind>;
    readonly role: CertificateRole;
    readonly caller: Caller | undefined;
  },
): void {
  const { subject, role, caller } = given;
  if (!role.client || caller === undefined || caller.kind === 'owner') {
    return;
  }
  const whom = principalOf({ ...subject, cluster }, cluster);
  const control = access?.();
  if (control === undefined || whom === undefined) {
    throw new HansaError('FORBIDDEN', 'only the owner issues certificates that others log in with');
  }
  control.requireStandIn(caller, whom);
}

/** The key of a request, or a fresh one that goes out with the certificate. */
async function keyOf(
  { maker, cluster }: CertificateParts,
  input: IssueRequest,
  subject: Subject<IssuedKind>,
): Promise<{ readonly publicKey: Uint8Array; readonly privateKey?: string }> {
  if (input.request === undefined) {
    return maker.makeKey();
  }
  const { publicKey, uris, dns, ips } = await maker.readRequest(input.request);
  const expected = spiffeId(cluster, subject);
  const other = uris.find((uri) => uri !== expected);
  const names = new Set([...(input.dns ?? []), ...(input.ips ?? [])]);
  const extra = [...dns, ...ips].find((name) => !names.has(name));
  // What the request says counts for nothing; where it contradicts, somebody is mistaken.
  if (uris.length > 1 || other !== undefined || extra !== undefined) {
    const said = other ?? extra ?? uris.join(', ');
    throw new HansaError('CERTIFICATE_OUTSIDE_ROLE', `the request asks for ${said} as well`, {
      fix: `ask for ${expected} alone, and name other names with --dns and --ip`,
    });
  }
  return { publicKey };
}

/** Signs, and keeps nothing: the record is the caller's to keep. */
export async function signed(
  { maker }: Pick<CertificateParts, 'maker'>,
  given: {
    readonly issuer: { readonly certificate: string; readonly privateKey: string };
    readonly publicKey: Uint8Array;
    readonly client: boolean;
    readonly server: boolean;
    readonly row: CertificateRow;
  },
): Promise<IssuedRecord> {
  const { issuer, publicKey, client, server, row } = given;
  const { serial, dns, ips, notBeforeMs, notAfterMs } = row;
  const named = { serial, spiffeId: row.spiffeId, dns, ips };
  const leaf = { publicKey, client, server, notBeforeMs, notAfterMs, ...named };
  return { ...row, certificate: await maker.issue(issuer, leaf) };
}

async function makeRoom({ issued }: CertificateParts, clean: () => Promise<void>): Promise<void> {
  if (issued.rows.size >= certificatesMax) {
    await clean();
  }
  if (issued.rows.size >= certificatesMax) {
    throw new HansaError('STORE_LIMIT', `there are ${certificatesMax} certificates that count`, {
      fix: 'they go as they run out; issue shorter ones',
      facts: { max: certificatesMax },
    });
  }
}

function requireRevocable({ issued, clock }: CertificateParts): void {
  const nowMs = clock.now();
  const revoked = [...issued.rows.values()].filter(
    ({ value }) => value.revokedMs !== undefined && value.notAfterMs > nowMs,
  );
  if (revoked.length >= certificateRevocationsMax) {
    throw new HansaError(
      'STORE_LIMIT',
      `${certificateRevocationsMax} certificates are revoked and have not run out`,
      {
        fix: 'rotate the authority, and issue certificates anew: hansa cert ca rotate',
        facts: { max: certificateRevocationsMax },
      },
    );
  }
}

async function deleteEnded({ store, tables, issued, clock }: CertificateParts): Promise<void> {
  const nowMs = clock.now();
  const ended = [...issued.rows.values()].filter(({ value }) => value.notAfterMs <= nowMs);
  const ops = ended.map(({ value }) => tables.issued.delete([value.serial]));
  for (let at = 0; at < ops.length; at += store.limits.transactionOpsMax) {
    const some = ops.slice(at, at + store.limits.transactionOpsMax);
    const { results, revision } = await store.transact({ if: [], then: some });
    if (results.some((result) => 'delete' in result && result.delete.deleted > 0)) {
      await issued.reached(revision);
    }
  }
}
