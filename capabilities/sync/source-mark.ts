// How a cluster asks who else has a resource without telling its name to those who have not: a mark
// that only they recognise who know the name. Layout: protocol/sync.md.
import { hashTranscript, type Crypto, type FederatedId } from '@hansa/foundation';

export function sourceMark(crypto: Crypto, salt: Uint8Array, resource: FederatedId): Uint8Array {
  return hashTranscript(crypto, 'hansa/blob-source/1', [salt, resource]);
}
