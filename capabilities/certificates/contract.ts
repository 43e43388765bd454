// Certificates that this cluster's authority makes: for whom, how long, and which count no more.
import {
  accountNameSchema,
  clusterIdSchema,
  durationText,
  nameLengthMax,
  type Call,
  type Contract,
} from '@hansa/foundation';
import { z } from 'zod';
import type {
  AuthorityView,
  BundleView,
  CertificateRole,
  CertificateRow,
  ExpiryRow,
  IssuedCertificate,
  IssueRequest,
  RootRotation,
  SpiffeBundle,
} from './shown.ts';
import { issuedKinds, type IssuedKind } from './spiffe.ts';
import { leafTtlMaxMs, leafTtlMinMs } from './validity.ts';

export { leafTtlDefaultMs, leafTtlMaxMs, leafTtlMinMs, validitiesDefault } from './validity.ts';
export type { Validities } from './validity.ts';
export type {
  AuthorityView,
  BundleView,
  CertificateRole,
  CertificateRow,
  ExpiryRow,
  IssuedCertificate,
  IssueRequest,
  RootRotation,
  RootView,
  SpiffeBundle,
} from './shown.ts';
export type {
  CertificateExpiries,
  CertificateTrust,
  Expiry,
  ListenerIdentity,
  ProvenCertificate,
} from './uses.ts';

export const certificateNamesMax = 100; // DNS names and addresses of one; more is a wildcard’s work
export const certificateRolesMax = 1_000; // more than a cluster has kinds of holders
export const rolePatternsMax = 32; // per role and kind of name; every issue walks them
export const certificatesMax = 10_000; // that have not run out; a certificate is a kilobyte
export const certificatePageMax = 500; // rows of one answer
export const certificateRevocationsMax = 4_096; // of one bundle: they travel in one message
export const certificateRootsMax = 8; // of one bundle: present and next, and those that end
export const certificateTextMax = 32_768; // PEM of a certificate or request with its names
export const dnsNameMax = 253; // RFC 1035

/** Certificates of this cluster: who gets which, and which count. */
export interface Certificates {
  roles(input: Record<string, never>, call?: Call): Promise<{ roles: readonly CertificateRole[] }>;
  /** Nobody can widen what is built in; a caller gives no role more than it may issue itself. */
  putRole(input: Omit<CertificateRole, 'builtIn'>, call?: Call): Promise<CertificateRole>;
  removeRole(input: { role: string }, call?: Call): Promise<{ role: string }>;
  issue(input: IssueRequest, call?: Call): Promise<IssuedCertificate>;
  list(
    input: { after?: string | undefined },
    call?: Call,
  ): Promise<{ certificates: readonly CertificateRow[]; more: boolean }>;
  show(
    input: { serial: string },
    call?: Call,
  ): Promise<CertificateRow & { readonly certificate: string }>;
  revoke(
    input: { serial: string; reason?: string | undefined },
    call?: Call,
  ): Promise<CertificateRow>;
  /** One list for each authority, PEM. */
  crl(input: Record<string, never>, call?: Call): Promise<{ lists: readonly string[] }>;
  authority(input: Record<string, never>, call?: Call): Promise<AuthorityView>;
  planRotation(input: Record<string, never>, call?: Call): Promise<RootRotation>;
  rotate(input: Record<string, never>, call?: Call): Promise<RootRotation>;
  bundle(input: { peer?: string | undefined }, call?: Call): Promise<BundleView>;
  expiring(
    input: { withinMs?: number | undefined },
    call?: Call,
  ): Promise<{ certificates: readonly ExpiryRow[] }>;
}

const nothing = z.strictObject({});
const pattern = z
  .string()
  .min(1)
  .max(nameLengthMax)
  .regex(/^[a-z0-9_.*/-]+$/, 'a pattern is lower-case letters, digits, ".", "-", "_", "/" and "*"');
const dnsName = z
  .string()
  .min(1)
  .max(dnsNameMax)
  .regex(
    /^(?:\*\.)?[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?(?:\.[a-z0-9_](?:[a-z0-9_-]*[a-z0-9_])?)*$/,
    'a DNS name is lower-case labels with dots; only the first may be "*"',
  );
const address = z.union([z.ipv4(), z.ipv6()]);
const serial = z.string().regex(/^[0-9a-f]{1,40}$/, 'a serial is up to 40 hex digits');
const text = z.string().min(1).max(certificateTextMax);
const kind: z.ZodType<IssuedKind> = z.enum(issuedKinds);
const ttlMs = z
  .number()
  .int()
  .min(leafTtlMinMs, `a certificate counts for at least ${durationText(leafTtlMinMs)}`)
  .max(leafTtlMaxMs, `a certificate counts for at most ${durationText(leafTtlMaxMs)}`);
const names = z.array(z.string());

const roleFields = {
  role: accountNameSchema,
  kinds: z.array(kind).min(1).max(issuedKinds.length),
  names: z.array(pattern).min(1).max(rolePatternsMax),
  dns: z.array(z.union([z.literal('*'), dnsName])).max(rolePatternsMax),
  ips: z.array(z.union([z.literal('*'), address])).max(rolePatternsMax),
  ttlMaxMs: ttlMs,
  client: z.boolean(),
  server: z.boolean(),
};
const role: z.ZodType<CertificateRole> = z.object({ ...roleFields, builtIn: z.boolean() });
const rowFields = {
  serial,
  spiffeId: z.string(),
  role: z.string(),
  dns: names,
  ips: names,
  issuedMs: z.number(),
  notBeforeMs: z.number(),
  notAfterMs: z.number(),
  root: serial,
  revokedMs: z.number().optional(),
  reason: z.string().optional(),
};
const row: z.ZodType<CertificateRow> = z.object(rowFields);
const rotation: z.ZodType<RootRotation> = z.object({
  present: serial,
  next: serial.optional(),
  signsFromMs: z.number(),
  retiresMs: z.number(),
  connected: names,
  away: names,
});
const spiffe: z.ZodType<SpiffeBundle> = z.object({
  keys: z.array(
    z.object({
      kty: z.literal('EC'),
      crv: z.literal('P-256'),
      x: z.string(),
      y: z.string(),
      use: z.literal('x509-svid'),
      x5c: names,
    }),
  ),
  spiffe_sequence: z.number(),
  spiffe_refresh_hint: z.number(),
});

export const certificateFields: {
  readonly role: z.ZodType<CertificateRole>;
  readonly row: z.ZodType<CertificateRow>;
  readonly serial: z.ZodType<string>;
} = { role, row, serial };

export const certificatesContract: Contract<Certificates> = {
  name: 'certificates',
  version: 1,
  methods: {
    roles: {
      summary: 'Lists the roles within which certificates are issued.',
      permission: 'certificates.read',
      route: 'GET /certificates/roles',
      input: nothing,
      output: z.object({ roles: z.array(role) }),
      errors: [],
    },
    putRole: {
      summary: 'Makes or changes a role: for whom, which names, how long, for which use.',
      permission: 'certificates.write',
      route: 'PUT /certificates/roles/:role',
      input: z.strictObject(roleFields),
      about: ({ role: named }) => `role:${named}`,
      output: role,
      errors: ['CERTIFICATE_OUTSIDE_ROLE', 'STORE_LIMIT'],
    },
    removeRole: {
      summary: 'Removes a role; certificates that were issued within it stay.',
      permission: 'certificates.write',
      route: 'DELETE /certificates/roles/:role',
      input: z.strictObject({ role: accountNameSchema }),
      about: ({ role: named }) => `role:${named}`,
      output: z.object({ role: z.string() }),
      errors: ['CERTIFICATE_OUTSIDE_ROLE', 'CERTIFICATE_ROLE_NOT_FOUND'],
    },
    issue: {
      summary: 'Issues a certificate, for a request or with a key that is shown once.',
      permission: 'certificates.write',
      route: 'POST /certificates',
      input: z.strictObject({
        subject: z
          .string()
          .min(1)
          .max(2 * nameLengthMax),
        role: accountNameSchema.optional(),
        request: text.optional(),
        dns: z.array(dnsName).max(certificateNamesMax).optional(),
        ips: z.array(address).max(certificateNamesMax).optional(),
        ttlMs: ttlMs.optional(),
      }),
      about: ({ subject }) => subject,
      output: z.object({
        ...rowFields,
        certificate: z.string(),
        privateKey: z.string().optional(),
        authorities: z.string(),
      }),
      errors: [
        'CERTIFICATE_MALFORMED',
        'CERTIFICATE_OUTSIDE_ROLE',
        'CERTIFICATE_ROLE_NOT_FOUND',
        'STORE_LIMIT',
      ],
    },
    list: {
      summary: 'Lists certificates that have not run out; never their keys.',
      permission: 'certificates.read',
      route: 'GET /certificates',
      input: z.strictObject({ after: serial.optional() }),
      output: z.object({
        certificates: z.array(row).max(certificatePageMax),
        more: z.boolean(),
      }),
      errors: [],
    },
    show: {
      summary: 'Shows one certificate.',
      permission: 'certificates.read',
      route: 'GET /certificates/serial/:serial',
      input: z.strictObject({ serial }),
      output: z.object({ ...rowFields, certificate: z.string() }),
      errors: ['CERTIFICATE_NOT_FOUND'],
    },
    revoke: {
      summary: 'Makes a certificate count no more, here at once and at linked clusters when told.',
      permission: 'certificates.write',
      route: 'POST /certificates/serial/:serial/revoke',
      input: z.strictObject({
        serial,
        reason: z
          .string()
          .min(1)
          .max(nameLengthMax)
          .regex(/^\P{C}*$/u)
          .optional(),
      }),
      about: ({ serial: which }) => which,
      output: row,
      errors: ['CERTIFICATE_NOT_FOUND', 'STORE_LIMIT'],
    },
    crl: {
      summary: 'The revocation lists, one for each authority, for other programs.',
      permission: 'certificates.read',
      route: 'GET /certificates/crl',
      input: nothing,
      output: z.object({ lists: z.array(z.string()).max(certificateRootsMax) }),
      errors: [],
    },
    authority: {
      summary: 'Shows the authorities of this cluster: which signs, and until when.',
      permission: 'certificates.read',
      route: 'GET /certificates/authority',
      input: nothing,
      output: z.object({
        trustDomain: z.string(),
        roots: z.array(
          z.object({
            serial,
            state: z.enum(['next', 'signing', 'retiring']),
            notBeforeMs: z.number(),
            notAfterMs: z.number(),
            signsFromMs: z.number(),
            certificate: z.string(),
            issued: z.number(),
          }),
        ),
      }),
      errors: [],
    },
    planRotation: {
      summary: 'What a rotation of the authority would do now, and who learns of it at once.',
      permission: 'certificates.read',
      route: 'GET /certificates/authority/rotation',
      input: nothing,
      output: rotation,
      errors: ['CONFLICT'],
    },
    rotate: {
      summary: 'Makes the next authority: published at once, it signs when everybody may know it.',
      permission: 'certificates.write',
      route: 'POST /certificates/authority/rotation',
      input: nothing,
      output: rotation,
      errors: ['CONFLICT'],
    },
    bundle: {
      summary: 'The authorities that vouch for a cluster, in SPIFFE’s format.',
      permission: 'certificates.read',
      route: 'GET /certificates/bundle',
      input: z.strictObject({ peer: z.string().min(1).max(nameLengthMax).optional() }),
      output: z.object({
        cluster: clusterIdSchema,
        name: z.string().optional(),
        spiffe,
        authorities: z.string(),
        revoked: z.array(serial).max(certificateRevocationsMax),
        receivedMs: z.number().optional(),
        problem: z.string().optional(),
      }),
      errors: ['CERTIFICATE_UNTRUSTED', 'LINK_NOT_FOUND'],
    },
    expiring: {
      summary: 'Lists what runs out, the first to end first.',
      permission: 'certificates.read',
      route: 'GET /certificates/expiring',
      input: z.strictObject({ withinMs: z.number().int().min(0).optional() }),
      output: z.object({
        certificates: z
          .array(
            z.object({
              what: z.enum(['root', 'node', 'issued', 'peer root']),
              subject: z.string(),
              serial,
              notAfterMs: z.number(),
              leftMs: z.number(),
              ending: z.boolean(),
            }),
          )
          .max(certificatePageMax),
      }),
      errors: [],
    },
  },
};
