// How a cluster asks who else has a resource without telling its name to those who have not: a mark
// that only they recognise who know the name. Layout: protocol/sync.md.
import { transcript, type Crypto, type FederatedId } from '@hansa/foundation';

export function sourceMark(crypto: Crypto, salt: Uint8Array, resource: FederatedId): Uint8Array {
  return crypto.hash(transcript('hansa/blob-source/1', [salt, resource]));
}
