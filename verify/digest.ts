// The digest of a set of entries (protocol/digest.md), built from the whole set at once.
import { hash, hashOf } from './transcript.ts';

export interface Leaf {
  readonly key: Buffer;
  readonly version: number;
  readonly valueHash: Buffer;
}

interface Placed {
  readonly path: string;
  readonly hash: Buffer;
}

const nothing = Buffer.alloc(0);

export function digestOf(leaves: Iterable<Leaf>): Buffer {
  const placed = Array.from(leaves, ({ key, version, valueHash }) => ({
    path: hash(key).toString('hex'),
    hash: hashOf('hansa/trie-leaf/1', key, version, valueHash),
  }));
  placed.sort((one, other) => (one.path < other.path ? -1 : 1));
  return placed.length === 0 ? Buffer.alloc(32) : below(placed, 0);
}

/** The node over entries that share the first `depth` digits. They are in the order of paths. */
function below(placed: readonly Placed[], depth: number): Buffer {
  const [only, another] = placed;
  if (only === undefined) {
    return nothing;
  }
  if (another === undefined) {
    return only.hash;
  }
  const children: Buffer[] = [];
  let from = 0;
  for (const digit of '0123456789abcdef') {
    let to = from;
    while (placed[to]?.path.charAt(depth) === digit) {
      to += 1;
    }
    children.push(below(placed.slice(from, to), depth + 1));
    from = to;
  }
  return hashOf('hansa/trie-branch/1', ...children);
}
