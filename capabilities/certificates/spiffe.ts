// SPIFFE ids: the one URI in a certificate that says whom it is for. The trust domain is the
// cluster's id, the path its kind and name. Pure.
import {
  accountNameSchema,
  clusterIdSchema,
  HansaError,
  nodeIdSchema,
  principal,
  type ClusterId,
  type Principal,
} from '@hansa/foundation';

/** Those that people ask certificates for; a node's is its own affair. */
export const issuedKinds = ['user', 'service', 'workload'] as const;
export type IssuedKind = (typeof issuedKinds)[number];
export type SubjectKind = IssuedKind | 'node';

/** Whom a certificate is for, within its cluster. */
export interface Subject<K extends SubjectKind = SubjectKind> {
  readonly kind: K;
  readonly name: string;
}

export interface SpiffeId extends Subject {
  readonly cluster: ClusterId;
}

const form = /^spiffe:\/\/([0-9a-f]{64})\/(node|service|workload|user)\/([^?#]+)$/;

export function trustDomain(cluster: ClusterId): string {
  return `spiffe://${cluster}`;
}

export function spiffeId(cluster: ClusterId, { kind, name }: Subject): string {
  return `${trustDomain(cluster)}/${kind}/${name}`;
}

/** Undefined on what is no id of a cluster's. */
export function readSpiffeId(text: string): SpiffeId | undefined {
  const [, cluster, kind, name] = form.exec(text) ?? [];
  if (cluster === undefined || kind === undefined || name === undefined) {
    return undefined;
  }
  const schema = kind === 'node' ? nodeIdSchema : accountNameSchema;
  if (!schema.safeParse(name).success) {
    return undefined;
  }
  return { cluster: clusterIdSchema.parse(cluster), kind: kind as SubjectKind, name };
}

/** Of `user:anna`, `service:ci`, `workload:web/1`; INPUT_INVALID. */
export function readSubject(text: string): Subject<IssuedKind> {
  const colon = text.indexOf(':');
  const [kind, name] = [text.slice(0, colon), text.slice(colon + 1)];
  const known = issuedKinds.find((each) => each === kind);
  if (known === undefined || !accountNameSchema.safeParse(name).success) {
    throw new HansaError('INPUT_INVALID', `"${text.slice(0, 200)}" names nobody`, {
      fix: 'write user:<name>, service:<name> or workload:<name>',
    });
  }
  return { kind: known, name };
}

/** A node is nobody who asks: it has its cluster's word for that. */
export function principalOf(
  { kind, name, cluster }: SpiffeId,
  here: ClusterId,
): Principal | undefined {
  if (kind === 'node') {
    return undefined;
  }
  return principal({ kind, name, ...(cluster === here ? {} : { home: cluster }) });
}
