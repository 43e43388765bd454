// Signing and checking what stands for the whole audit: heads, anchors, countersignatures.
import { fromHex, HansaError, toHex, type ClusterId, type Crypto } from '@hansa/foundation';
import type { KeyBook, Signer } from '../identity/contract.ts';
import {
  anchorBytes,
  countersignatureBytes,
  headBytes,
  type AuditAnchor,
  type AuditHead,
  type AuditPoint,
  type Countersignature,
} from './record.ts';

/** FEDERATION_OFF where our keys are unusable; so do the next two. */
export function signHead(
  signer: Signer,
  point: AuditPoint,
  given: { readonly prior: AuditPoint; readonly atMs: number },
): AuditHead {
  const { sequence, hash } = point;
  const { cluster, keyIndex } = signer;
  const body = { cluster, sequence, hash, ...given, keyIndex };
  return { ...body, signature: toHex(signer.sign(headBytes(body)).signature) };
}

export function signAnchor(signer: Signer, point: AuditPoint, atMs: number): AuditAnchor {
  const { sequence, hash } = point;
  const { cluster, keyIndex } = signer;
  const body = { cluster, sequence, hash, atMs, keyIndex };
  return { ...body, signature: toHex(signer.sign(anchorBytes(body)).signature) };
}

export function countersign(signer: Signer, head: AuditHead, atMs: number): Countersignature {
  const { cluster: witness, keyIndex } = signer;
  const body = { head, witness, atMs, keyIndex };
  return { ...body, signature: toHex(signer.sign(countersignatureBytes(body)).signature) };
}

export interface Checking {
  readonly crypto: Crypto;
  readonly keys: Pick<KeyBook, 'signing'>;
}

/** AUDIT_INVALID; KEY_UNKNOWN, KEY_RETIRED or KEY_FORKED of the key that it names. */
export function requireHead(checking: Checking, head: AuditHead): void {
  requireSigned(checking, { by: head.cluster, what: 'head', ...head, bytes: headBytes(head) });
}

export function requireAnchor(checking: Checking, anchor: AuditAnchor): void {
  const { cluster: by } = anchor;
  requireSigned(checking, { by, what: 'anchor', ...anchor, bytes: anchorBytes(anchor) });
}

/** With the head that it is about. */
export function requireCountersignature(checking: Checking, given: Countersignature): void {
  requireHead(checking, given.head);
  const { witness: by } = given;
  const bytes = countersignatureBytes(given);
  requireSigned(checking, { by, what: 'countersignature', ...given, bytes });
}

interface Signed {
  readonly by: ClusterId;
  readonly what: string;
  readonly atMs: number;
  readonly keyIndex: number;
  readonly signature: string;
  readonly bytes: Uint8Array;
}

function requireSigned({ crypto, keys }: Checking, given: Signed): void {
  const { by, what, atMs, keyIndex, signature, bytes } = given;
  const key = keys.signing(by, { keyIndex, atMs });
  if (!crypto.verify(key, bytes, fromHex(signature))) {
    throw new HansaError('AUDIT_INVALID', `the ${what} is not signed by ${by.slice(0, 8)}…`);
  }
}
