// The names of things that outlive a process: clusters, nodes, blobs, resources.
import { z } from 'zod';

/** A cluster's first Ed25519 public key, 64 lower-case hex digits: its id for ever. */
export type ClusterId = string & { readonly brand: 'ClusterId' };
/** A node's Ed25519 public key, 64 lower-case hex digits: also its transport endpoint id. */
export type NodeId = string & { readonly brand: 'NodeId' };
/** BLAKE3-256 of the content, 64 lower-case hex digits. */
export type BlobId = string & { readonly brand: 'BlobId' };
/** `<kind>/<name>`: unique inside its owner cluster. */
export type LocalId = string & { readonly brand: 'LocalId' };
/** `<owner cluster id>:<local id>`: unique everywhere. */
export type FederatedId = string & { readonly brand: 'FederatedId' };

const hex64 = /^[0-9a-f]{64}$/;
export const nameLengthMax = 128; // a label in a list: longer ones are text, not names
// Segments of letters, digits, dot, dash, underscore; no segment starts with a dot or a dash, so
// that no name is an option, a hidden file or a way out of a folder.
const namePattern = /^[A-Za-z0-9_][A-Za-z0-9_.-]*(?:\/[A-Za-z0-9_][A-Za-z0-9_.-]*)*$/;

export const clusterIdSchema: z.ZodType<ClusterId> = z
  .string()
  .regex(hex64, 'a cluster id is 64 lower-case hex digits') as unknown as z.ZodType<ClusterId>;
export const nodeIdSchema: z.ZodType<NodeId> = z
  .string()
  .regex(hex64, 'a node id is 64 lower-case hex digits') as unknown as z.ZodType<NodeId>;
export const blobIdSchema: z.ZodType<BlobId> = z
  .string()
  .regex(hex64, 'a blob id is 64 lower-case hex digits') as unknown as z.ZodType<BlobId>;
export const resourceNameSchema: z.ZodType<string> = z
  .string()
  .max(nameLengthMax)
  .regex(
    namePattern,
    'a resource name is segments of letters, digits, ".", "-" and "_", joined by "/"; ' +
      'no segment starts with "." or "-"',
  )
  .refine((name) => !/\.\.|\.lock(?:\/|$)|\.git(?:\/|$)|\.$/.test(name), {
    message: 'a resource name has no "..", and no segment ends with ".", ".lock" or ".git"',
  });
export const localIdSchema: z.ZodType<LocalId> = z
  .string()
  .regex(
    /^[a-z][a-z0-9-]{0,31}\/.+$/,
    'a local id is "<kind>/<name>"',
  ) as unknown as z.ZodType<LocalId>;
export const federatedIdSchema: z.ZodType<FederatedId> = z
  .string()
  .regex(
    /^[0-9a-f]{64}:[a-z][a-z0-9-]{0,31}\/.+$/,
    'a federated id is "<owner cluster id>:<kind>/<name>"',
  ) as unknown as z.ZodType<FederatedId>;

export function localId(kind: string, name: string): LocalId {
  return `${kind}/${name}` as LocalId;
}

export function federatedId(owner: ClusterId, local: LocalId): FederatedId {
  return `${owner}:${local}` as FederatedId;
}

/** The parts of a federated id; the id has passed its schema. */
export function splitFederatedId(id: FederatedId): {
  owner: ClusterId;
  local: LocalId;
  kind: string;
  name: string;
} {
  const owner = id.slice(0, 64) as ClusterId;
  const local = id.slice(65) as LocalId;
  return { owner, local, ...splitLocalId(local) };
}

export function splitLocalId(local: LocalId): { kind: string; name: string } {
  const slash = local.indexOf('/');
  return { kind: local.slice(0, slash), name: local.slice(slash + 1) };
}

/**
 * What a cluster writes for a resource of another one is a resource of its own, a lane, under a
 * name that nobody can give: `<kind>/@<owner>/<name>`.
 */
export function laneId(resource: FederatedId): LocalId {
  const { owner, kind, name } = splitFederatedId(resource);
  return localId(kind, `@${owner}/${name}`);
}

/** The resource that a lane is for; undefined where the id is no lane's. */
export function laneTarget(lane: LocalId): FederatedId | undefined {
  const { kind, name } = splitLocalId(lane);
  const parts = /^@([0-9a-f]{64})\/(.+)$/.exec(name);
  const [, owner, rest] = parts ?? [];
  return owner === undefined || rest === undefined
    ? undefined
    : federatedId(owner as ClusterId, localId(kind, rest));
}

/** A resource's name as it is stored: one that people gave, or a lane's. */
export const storedNameSchema: z.ZodType<string> = z.union([
  resourceNameSchema,
  z
    .string()
    .regex(/^@[0-9a-f]{64}\//)
    .refine((name) => resourceNameSchema.safeParse(name.slice(66)).success, 'not a lane’s name'),
]);
