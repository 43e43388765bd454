// A resource's history as an owner would write it, without a store: every change, and a signed head
// at any point, true or false as the test likes.
import type {
  Change,
  ChangeOp,
  Head,
  Position,
  SequencedChange,
} from '@hansa/capabilities/resources/contract';
import {
  emptyTrie,
  federatedId,
  localId,
  type Crypto,
  type DigestTrie,
  type FederatedId,
} from '@hansa/foundation';
import {
  createHistory,
  headBytes,
  headLeaf,
  tickBytes,
} from '../capabilities/resources/history.ts';
import { clusterOf, seedOf } from './test-cluster.ts';

export interface WrittenHistory {
  readonly resource: FederatedId;
  readonly changes: readonly SequencedChange[];
  /** Appends a change; sequences leave gaps, as a store's do. */
  write(ops: readonly ChangeOp[], change?: Partial<Change>): SequencedChange;
  position(): Position;
  trie(): DigestTrie;
  /** The present position, or a false one, signed by the owner or by the key of another seed. */
  head(position?: Partial<Position>, seed?: number): Head;
}

const sequenceStep = 3;

export function createWrittenHistory(
  crypto: Crypto,
  given: { readonly owner: number; readonly name: string; readonly epoch?: number },
): WrittenHistory {
  const history = createHistory(crypto);
  const resource = federatedId(clusterOf(crypto, given.owner), localId('kv', given.name));
  const epoch = given.epoch ?? 1;
  const changes: SequencedChange[] = [];
  const versions = new Map<string, number>();
  let trie = emptyTrie(crypto);
  let position: Position = {
    epoch,
    sequence: 10 * epoch,
    chain: history.firstChain(resource, epoch),
    digest: trie.root,
    hlc: [1_000, 0],
  };
  const sign = (at: Position, seed: number): Head => {
    const salt = seedOf(77);
    const root = headLeaf(crypto, salt, headBytes(resource, at));
    const body = { root, asOfMs: 1_000, keyIndex: 0 };
    const tick = { ...body, signature: crypto.sign(seedOf(seed), tickBytes(body)) };
    return { ...at, resource, tick, salt, path: [] };
  };
  return {
    resource,
    changes,
    write(ops, other) {
      const { sequence: previous, hlc } = position;
      const later: Change['hlc'] = [hlc[0], hlc[1] + 1];
      const change: Change = { epoch, previous, ops, hlc: later, author: 'ada', ...other };
      const versionOf = (key: Uint8Array): number => versions.get(key.join()) ?? 0;
      for (const op of ops) {
        const key = 'put' in op ? op.put.key : op.delete.key;
        const version = 'put' in op ? versionOf(key) + 1 : 0;
        versions.set(key.join(), version);
        trie =
          'put' in op
            ? trie.set({ key, version, valueHash: history.valueHash(op.put) })
            : trie.remove(key);
      }
      position = {
        epoch,
        sequence: previous + sequenceStep,
        chain: history.nextChain(position.chain, change),
        digest: trie.root,
        hlc: later,
      };
      const written = { sequence: position.sequence, change };
      changes.push(written);
      return written;
    },
    position: () => position,
    trie: () => trie,
    head: (other, seed) => sign({ ...position, ...other }, seed ?? given.owner),
  };
}
