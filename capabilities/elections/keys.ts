// What stands in the store for elections: a line of candidates for each.
import { claimTables, type ClaimTables, type Codec, type KeyValueStore } from '@hansa/foundation';

export function electionTables(store: KeyValueStore, codec: Codec): ClaimTables {
  return claimTables(store, codec, 'election');
}
