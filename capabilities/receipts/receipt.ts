// A mirror's signed word on what became of a copy: its bytes, and whether they are what an owner
// asked for. protocol/receipts.md has it in words.
import {
  clusterIdSchema,
  federatedIdSchema,
  fromHex,
  HansaError,
  isHansaError,
  toHex,
  transcript,
  type ClusterId,
  type Crypto,
  type FederatedId,
} from '@hansa/foundation';
import { z } from 'zod';
import type { KeyBook, Signer } from '../identity/contract.ts';

export const reasonLengthMax = 1_024; // a sentence or two: what a person says, not a document

/** Where a copy stood: its last head. All zero where nothing was held. */
export interface LastHead {
  readonly epoch: number;
  readonly sequence: number;
  /** Hex, as all bytes of a receipt: written as JSON, it is the file that people hand on. */
  readonly chain: string;
  readonly digest: string;
}

export interface Receipt extends LastHead {
  readonly mirror: ClusterId;
  readonly resource: FederatedId;
  /** The owner's name for this withdrawal. */
  readonly withdrawal: string;
  readonly outcome: 'purged' | 'retained';
  /** Empty where it is purged. */
  readonly reason: string;
  readonly atMs: number;
  readonly keyIndex: number;
  readonly signature: string;
}

const hex32: z.ZodType<string> = z.string().regex(/^[0-9a-f]{64}$/);
const natural: z.ZodType<number> = z.number().int().nonnegative();
export const withdrawalIdSchema: z.ZodType<string> = hex32;
export const lastHeadFields: {
  readonly [Field in keyof LastHead]: z.ZodType<LastHead[Field]>;
} = { epoch: natural, sequence: natural, chain: hex32, digest: hex32 };
export const receiptSchema: z.ZodType<Receipt> = z.object({
  mirror: clusterIdSchema,
  resource: federatedIdSchema,
  withdrawal: hex32,
  ...lastHeadFields,
  outcome: z.enum(['purged', 'retained']),
  reason: z.string().max(reasonLengthMax),
  atMs: natural,
  keyIndex: natural,
  signature: z.string().regex(/^[0-9a-f]{128}$/),
});

export const nothingHeld: LastHead = {
  epoch: 0,
  sequence: 0,
  chain: '0'.repeat(64),
  digest: '0'.repeat(64),
};

export function receiptBytes(receipt: Omit<Receipt, 'signature'>): Uint8Array {
  const { mirror, resource, withdrawal, epoch, sequence, chain, digest } = receipt;
  const { outcome, reason, atMs, keyIndex } = receipt;
  return transcript('hansa/receipt/1', [
    mirror,
    resource,
    fromHex(withdrawal),
    epoch,
    sequence,
    fromHex(chain),
    fromHex(digest),
    outcome,
    reason,
    atMs,
    keyIndex,
  ]);
}

/** FEDERATION_OFF where our keys are unusable. */
export function signReceipt(
  signer: Signer,
  said: Omit<Receipt, 'mirror' | 'keyIndex' | 'signature'>,
): Receipt {
  const body = { ...said, mirror: signer.cluster, keyIndex: signer.keyIndex };
  const { signature } = signer.sign(receiptBytes(body));
  return { ...body, signature: toHex(signature) };
}

/** RECEIPT_INVALID unless it answers exactly what was asked, signed by who was asked. */
export function requireReceipt(
  { crypto, keys }: { readonly crypto: Crypto; readonly keys: Pick<KeyBook, 'signing'> },
  receipt: Receipt,
  asked: Pick<Receipt, 'mirror' | 'resource' | 'withdrawal'>,
): void {
  const { mirror, resource, withdrawal } = asked;
  if (
    receipt.mirror !== mirror ||
    receipt.resource !== resource ||
    receipt.withdrawal !== withdrawal
  ) {
    throw new HansaError('RECEIPT_INVALID', 'the receipt is about another withdrawal');
  }
  const { keyIndex, atMs, signature } = receipt;
  if (
    !crypto.verify(
      keyOf(keys, mirror, { keyIndex, atMs }),
      receiptBytes(receipt),
      fromHex(signature),
    )
  ) {
    throw new HansaError('RECEIPT_INVALID', 'the receipt’s signature does not verify');
  }
}

function keyOf(
  keys: Pick<KeyBook, 'signing'>,
  mirror: ClusterId,
  claim: { readonly keyIndex: number; readonly atMs: number },
): Uint8Array {
  try {
    return keys.signing(mirror, claim);
  } catch (cause) {
    const why = isHansaError(cause) ? cause.message : 'its key is not known';
    throw new HansaError('RECEIPT_INVALID', `the receipt’s key is not the mirror’s: ${why}`, {
      cause,
    });
  }
}
