// Where blobs come from, and who answers for what they deliver.
import {
  HansaError,
  isHansaError,
  type BlobId,
  type Blobs,
  type Carrier,
  type Clock,
  type ClusterId,
  type Crypto,
  type FederatedId,
} from '@hansa/foundation';
import type { BlobReference } from '../resources/contract.ts';

/** Who delivered something bad, and what. */
export interface Blame {
  readonly peer: ClusterId;
  readonly code: 'BLOB_CORRUPT';
  readonly evidence: Readonly<Record<string, string | number | boolean>>;
}

export interface FetchNeeds {
  readonly blobs: Blobs;
  readonly crypto: Crypto;
  readonly clock: Clock;
  /** Told of every bad byte: whoever sent it answers for it, not the owner. */
  blame?(blame: Blame): void;
}

export interface BlobSource {
  readonly cluster: ClusterId;
  /** Named in errors. */
  readonly name: string;
  /** Asked before every request, since connections come and go; throws where there is none. */
  carrier(): Carrier;
}

export interface FetchOrder {
  readonly owner: BlobSource;
  readonly resource: FederatedId;
  readonly wanted: readonly BlobReference[];
  readonly signal: AbortSignal;
  /** Others who may have it; asked where there is much to fetch. Never rejects. */
  others?(): Promise<readonly BlobSource[]>;
  /** So much is about to be asked for. */
  expect?(source: BlobSource, bytes: number): Promise<void>;
  /** After every chunk that was written. */
  arrived(bytes: number): void;
}

export function accuse(needs: FetchNeeds, source: BlobSource, error: unknown): void {
  if (isHansaError(error, 'BLOB_CORRUPT')) {
    needs.blame?.({ peer: source.cluster, code: 'BLOB_CORRUPT', evidence: error.facts });
  }
}

/** A bad byte is news for people: which resource, which blob, from whom. */
export function named(
  error: unknown,
  about: {
    readonly source: BlobSource;
    readonly resource: FederatedId;
    readonly blob: BlobId;
  },
): unknown {
  if (!isHansaError(error, 'BLOB_CORRUPT')) {
    return error;
  }
  const { source, resource, blob } = about;
  return new HansaError(
    'BLOB_CORRUPT',
    `refused: ${source.name} sent bytes of blob ${blob} (${resource}) that do not hash to its id`,
    {
      cause: error,
      facts: { ...error.facts, blob, source: source.name },
      fix: `check the disk of ${source.name}; the transfer is tried again by itself`,
    },
  );
}
