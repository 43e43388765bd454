// The keys of a cluster of several nodes: they lie in its store, sealed under a key that its nodes
// share and the store never sees. A rotation is one transaction there, and every node has it.
import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto';
import type { KeyVault } from '@hansa/capabilities/identity/capability';
import { nodeTables } from '@hansa/capabilities/nodes/capability';
import {
  concatBytes,
  HansaError,
  utf8,
  type Codec,
  type KeyValueStore,
  type Random,
} from '@hansa/foundation';

const nonceBytes = 12;
const tagBytes = 16;
const cipher = 'aes-256-gcm';

/** Random nonces: a key seals a few hundred things in its life. */
export function sealUnder(
  key: Uint8Array,
  { random, context, plain }: { random: Random; context: string; plain: Uint8Array },
): Uint8Array {
  const nonce = random.bytes(nonceBytes);
  const sealing = createCipheriv(cipher, key, nonce).setAAD(utf8(context));
  return concatBytes([nonce, sealing.update(plain), sealing.final(), sealing.getAuthTag()]);
}

/** KEY_MISMATCH where it was sealed under another key, or for another use. */
export function openUnder(key: Uint8Array, context: string, sealed: Uint8Array): Uint8Array {
  try {
    const opening = createDecipheriv(cipher, key, sealed.subarray(0, nonceBytes));
    opening.setAAD(utf8(context)).setAuthTag(sealed.subarray(-tagBytes));
    const body = sealed.subarray(nonceBytes, -tagBytes);
    return concatBytes([opening.update(body), opening.final()]);
  } catch (cause) {
    throw new HansaError('KEY_MISMATCH', `what is sealed as ${context} opens with another key`, {
      cause,
    });
  }
}

/** The key that a ticket's secret is good for. */
export function keyOfSecret(secret: Uint8Array): Uint8Array {
  return new Uint8Array(hkdfSync('sha256', secret, new Uint8Array(), 'hansa/node-ticket/1', 32));
}

type Which = 'cluster' | 'next' | 'after';

export interface ClusterSeeds {
  readonly cluster: Uint8Array;
  readonly next: Uint8Array;
  readonly after?: Uint8Array | undefined;
}

export interface ClusterKeys {
  /** Undefined where the store holds none yet. */
  read(): Promise<ClusterSeeds | undefined>;
  /** CONFLICT where another node was the first. */
  found(seeds: ClusterSeeds): Promise<void>;
  readonly vault: KeyVault;
}

export function clusterKeys(needs: {
  /** Scoped to `nodesScope`. */
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly random: Random;
  /** What the nodes of the cluster share. */
  readonly key: Uint8Array;
}): ClusterKeys {
  const { store, random, key } = needs;
  const { seeds } = nodeTables(store, needs.codec);
  const context = (which: Which): string => `seed/${which}`;
  const put = (which: Which, plain: Uint8Array) =>
    seeds.put([which], { sealed: sealUnder(key, { random, context: context(which), plain }) });
  const held = async (which: Which): Promise<Uint8Array | undefined> => {
    const row = await seeds.get(which);
    return row === undefined ? undefined : openUnder(key, context(which), row.value.sealed);
  };
  return {
    async read() {
      const [cluster, next] = [await held('cluster'), await held('next')];
      return cluster === undefined || next === undefined
        ? undefined
        : { cluster, next, after: await held('after') };
    },
    async found({ cluster, next }) {
      const { succeeded } = await store.transact({
        if: [{ key: seeds.key('cluster'), target: 'version', op: '=', operand: 0 }],
        then: [put('cluster', cluster), put('next', next)],
      });
      if (!succeeded) {
        throw new HansaError('CONFLICT', 'another node has founded a cluster in this store');
      }
    },
    vault: {
      async candidates() {
        const all = await Promise.all([held('cluster'), held('next'), held('after')]);
        return all.filter((seed) => seed !== undefined);
      },
      async prepare() {
        const seed = random.bytes(32);
        await store.batchWrite([put('after', seed)]);
        return seed;
      },
      async settle({ cluster, next }) {
        await store.batchWrite([
          put('cluster', cluster),
          put('next', next),
          seeds.delete(['after']),
        ]);
      },
    },
  };
}
