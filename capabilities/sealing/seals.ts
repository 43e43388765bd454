// What the node's own rooms do for sealing: the keyring, and what is sealed by it. For the service.
import type { NewKey } from './contract.ts';

export interface SealState {
  /** What kind of key from outside opens it. */
  readonly by: 'key' | 'age';
  /** Of the data key that seals now. */
  readonly version: number;
  readonly madeMs: number;
  /** While older data keys are still needed. */
  readonly rotating: boolean;
}

export interface ResealedPiece {
  readonly looked: number;
  /** Of all that there are. */
  readonly records: number;
  /** Where to go on; absent at the end. */
  readonly after?: Uint8Array;
}

export interface Seals {
  state(): SealState;
  rewrap(to: NewKey): Promise<void>;
  beginRotation(): Promise<void>;
  /** Seals anew, after that record, what is not under the newest data key. */
  reseal(after: Uint8Array | undefined): Promise<ResealedPiece>;
  /** Seals anew what is no record, then forgets the older data keys. */
  endRotation(): Promise<void>;
}
