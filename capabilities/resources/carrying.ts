// What of a resource's records is true of the store that they lie in alone: sequences are
// revisions. Whoever carries them into another store writes the sequence into them.
import type { Codec, Entry } from '@hansa/foundation';

const tables: readonly unknown[] = ['state', 'change'];

/** The value as it has to be in another store; `key` is that of the whole store. */
export function carriedValue(codec: Codec, key: readonly unknown[], entry: Entry): Uint8Array {
  const [scope, table] = key;
  if (scope !== 'resources' || !tables.includes(table)) {
    return entry.value;
  }
  const value = codec.decode(entry.value);
  const isRecord = typeof value === 'object' && value !== null && !('sequence' in value);
  return isRecord ? codec.encode({ ...value, sequence: entry.modRevision }) : entry.value;
}
