// One signature per tick for all heads asked for in it: an Ed25519 signature costs its verifier a
// third of a millisecond, a Merkle path a few hashes.
import {
  federatedId,
  merkleTree,
  type Clock,
  type Crypto,
  type LocalId,
  type Random,
} from '@hansa/foundation';
import type { Signer } from '../identity/contract.ts';
import type { Head, Position } from './contract.ts';
import { headBytes, headLeaf, tickBytes } from './history.ts';

// Under load a change waits at most this long for company; the first after a pause, not at all.
const tickMs = 2;
const headsPerTickMax = 4_096; // bounds the pause for hashing

export interface TickerNeeds {
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly random: Random;
  readonly signer: Signer;
}

interface Waiting {
  readonly id: LocalId;
  readonly position: Position;
  resolve(head: Head): void;
  reject(error: unknown): void;
}

export function createTicker(
  needs: TickerNeeds,
): (id: LocalId, position: Position) => Promise<Head> {
  const { clock } = needs;
  let waiting: Waiting[] = [];
  let signedAtMs = Number.NEGATIVE_INFINITY;
  const flush = (): void => {
    const batch = waiting;
    waiting = [];
    signedAtMs = clock.monotonicMs();
    try {
      const heads = signTogether(needs, batch);
      batch.forEach(({ resolve }, index) => {
        const head = heads[index];
        if (head !== undefined) {
          resolve(head);
        }
      });
    } catch (error) {
      batch.forEach(({ reject }) => reject(error));
    }
  };
  const failAll = (error: unknown): void => {
    waiting.splice(0).forEach(({ reject }) => reject(error));
  };
  return (id, position) =>
    new Promise((resolve, reject) => {
      waiting.push({ id, position, resolve, reject });
      if (waiting.length === 1) {
        const pauseMs = signedAtMs + tickMs - clock.monotonicMs();
        // At once, but for whoever asks in the same turn.
        const due = pauseMs > 0 ? clock.sleep(pauseMs) : Promise.resolve();
        due.then(flush, failAll);
      } else if (waiting.length === headsPerTickMax) {
        flush();
      }
    });
}

function signTogether(
  { clock, crypto, random, signer }: TickerNeeds,
  batch: readonly Waiting[],
): readonly Head[] {
  const prepared = batch.map(({ id, position }) => {
    const resource = federatedId(signer.cluster, id);
    const salt = random.bytes(32);
    return {
      resource,
      position,
      salt,
      leaf: headLeaf(crypto, salt, headBytes(resource, position)),
    };
  });
  if (prepared.length === 0) {
    return [];
  }
  const { root, paths } = merkleTree(
    crypto,
    prepared.map(({ leaf }) => leaf),
  );
  const body = { root, asOfMs: clock.now(), keyIndex: signer.keyIndex };
  const { signature } = signer.sign(tickBytes(body));
  const tick = { ...body, signature };
  return prepared.map(({ resource, position, salt }, index) => ({
    ...position,
    resource,
    tick,
    salt,
    path: paths[index] ?? [],
  }));
}
