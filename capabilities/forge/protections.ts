// Refs that only delegates may move, and how anybody can check that they did: rules and signatures
// are entries of the repository, so mirrors verify them without trusting the owner's word.
import {
  HansaError,
  packTuple,
  signatureSchema,
  startsWith,
  toHex,
  hashTranscript,
  transcript,
  type Codec,
  type Crypto,
  type FederatedId,
  fromHex,
} from '@hansa/foundation';
import { z } from 'zod';
import type { ChangeOp, ResourceEntry } from '../resources/contract.ts';
import { protectionSchema, protectionsMax, type Protection } from './contract.ts';
import type { RepositoryState } from './git.ts';

export const protectKey: Uint8Array = packTuple(['protect']);
const signaturePrefix = packTuple(['signature']);
/** Stands for the protections themselves where they are what moves. */
export const protectionsRef = '@protections';

/** One delegate's word that a ref may move from one object to another. Absent is `''`. */
export interface RefMove {
  readonly ref: string;
  readonly from: string;
  readonly to: string;
}

export interface SignedMove extends RefMove {
  /** The delegate's Ed25519 public key, hex. */
  readonly delegate: string;
  readonly signature: Uint8Array;
}

const signedMove: z.ZodType<SignedMove> = z.object({
  ref: z.string().max(1_024),
  from: z.string().max(64),
  to: z.string().max(64),
  delegate: z.string().regex(/^[0-9a-f]{64}$/),
  signature: signatureSchema,
});
const tableSchema = z.array(protectionSchema).max(protectionsMax);

export interface ProtectionNeeds {
  readonly codec: Codec;
  readonly crypto: Crypto;
}

/** What a delegate signs: transcript `hansa/ref-move/1`. */
export function moveBytes(resource: FederatedId, { ref, from, to }: RefMove): Uint8Array {
  return transcript('hansa/ref-move/1', [resource, ref, from, to]);
}

export function protectOp({ codec }: ProtectionNeeds, table: readonly Protection[]): ChangeOp {
  return table.length === 0
    ? { delete: { key: protectKey } }
    : { put: { key: protectKey, value: codec.encode(table), blobs: [] } };
}

export function signatureOp({ codec, crypto }: ProtectionNeeds, move: SignedMove): ChangeOp {
  const { ref, from, to, delegate } = move;
  // A ref's name may be longer than a key.
  const about = hashTranscript(crypto, 'hansa/ref-move-key/1', [ref, from, to]);
  const key = packTuple(['signature', about, delegate]);
  return { put: { key, value: codec.encode(move), blobs: [] } };
}

export function isSignatureKey(key: Uint8Array): boolean {
  return startsWith(key, signaturePrefix);
}

export function tableFrom(
  { codec }: ProtectionNeeds,
  entry: Pick<ResourceEntry, 'value'> | undefined,
): readonly Protection[] {
  return entry === undefined ? [] : decoded(codec, tableSchema, entry.value);
}

export function signedMoveFrom({ codec }: ProtectionNeeds, value: Uint8Array): SignedMove {
  return decoded(codec, signedMove, value);
}

function decoded<T>(codec: Codec, schema: z.ZodType<T>, bytes: Uint8Array): T {
  try {
    return schema.parse(codec.decode(bytes));
  } catch (cause) {
    throw new HansaError('CHANGE_INVALID', 'a protection of refs does not fit its schema', {
      cause,
    });
  }
}

/** Names the protections as a whole: what their delegates sign to change them. */
export function tableName(
  { codec, crypto }: ProtectionNeeds,
  table: readonly Protection[],
): string {
  return table.length === 0 ? '' : toHex(crypto.hash(codec.encode(table)));
}

/** `refs/heads/main`, or a beginning that ends in `*`: `refs/heads/release/*`. */
export function protects({ pattern }: Protection, ref: string): boolean {
  return pattern.endsWith('*') ? ref.startsWith(pattern.replace(/\*+$/, '')) : ref === pattern;
}

/** The protected refs among those that differ. */
export function protectedMoves(
  table: readonly Protection[],
  before: RepositoryState,
  after: RepositoryState,
): readonly RefMove[] {
  const old = new Map(before.refs.map(({ name, target }) => [name, target]));
  const now = new Map(after.refs.map(({ name, target }) => [name, target]));
  return [...new Set([...old.keys(), ...now.keys()])]
    .map((ref) => ({ ref, from: old.get(ref) ?? '', to: now.get(ref) ?? '' }))
    .filter(({ ref, from, to }) => from !== to && table.some((rule) => protects(rule, ref)));
}

/**
 * REF_UNSIGNED unless enough delegates of every rule signed the move, or a chain of moves that
 * leads from its beginning to its end: a mirror may learn of several at once.
 */
export function requireQuorum(
  needs: ProtectionNeeds,
  rules: readonly Protection[],
  given: {
    readonly resource: FederatedId;
    readonly move: RefMove;
    readonly signed: readonly SignedMove[];
  },
): void {
  const { resource, move, signed } = given;
  const valid = signed.filter(
    (each) =>
      each.ref === move.ref &&
      rules.some(({ delegates }) => delegates.includes(each.delegate)) &&
      needs.crypto.verify(fromHex(each.delegate), moveBytes(resource, each), each.signature),
  );
  for (const rule of rules) {
    const { reached, most } = reachedBy(rule, move.from, valid);
    if (!reached.has(move.to)) {
      throw new HansaError(
        'REF_UNSIGNED',
        `${move.ref} moves when ${rule.threshold} of ${rule.delegates.length} delegates sign it; ` +
          `${most.get(move.to) ?? 0} did`,
        { fix: 'a delegate signs with: hansa repo sign <repository> <ref> <object>' },
      );
    }
  }
}

/** The objects that signed moves lead to, and the most signatures that any move to one has. */
function reachedBy(
  { delegates, threshold }: Protection,
  from: string,
  valid: readonly SignedMove[],
): { readonly reached: ReadonlySet<string>; readonly most: ReadonlyMap<string, number> } {
  const most = new Map<string, number>();
  const next = new Map<string, Map<string, Set<string>>>();
  for (const move of valid.filter(({ delegate }) => delegates.includes(delegate))) {
    const ways = next.get(move.from) ?? new Map<string, Set<string>>();
    const who = (ways.get(move.to) ?? new Set<string>()).add(move.delegate);
    next.set(move.from, ways.set(move.to, who));
    most.set(move.to, Math.max(most.get(move.to) ?? 0, who.size));
  }
  const reached = new Set([from]);
  for (const at of reached) {
    for (const [to, who] of next.get(at) ?? []) {
      if (who.size >= threshold) {
        reached.add(to); // a set that grows while it is walked is walked to its end
      }
    }
  }
  return { reached, most };
}
