// A rotation: the promised key becomes the present one. The record is kept first, then told to
// whoever is connected, and only then is anything signed with the new key.
import { HansaError, toHex, type ClusterId } from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import { renew } from './certifying.ts';
import {
  rotationsMax,
  type KeyLog,
  type Rotation,
  type RotationDone,
  type RotationPlan,
} from './contract.ts';
import { keyHash, makeRotation, presentClaim } from './key-log.ts';
import type { Known } from './known.ts';
import { tell } from './telling.ts';

interface Prepared {
  readonly plan: RotationPlan;
  /** Undefined where it is lost: then the promised key stands alone. */
  readonly present: Uint8Array | undefined;
  readonly promised: Uint8Array;
}

/** KEY_MISMATCH without the promised key here, ROTATION_UNPREPARED where nothing may follow. */
export async function planRotation(known: Known): Promise<Prepared> {
  const { crypto, keyLog, vault } = known;
  const { keyIndex, nextKeyHash } = presentClaim(keyLog);
  if (vault === undefined) {
    throw new HansaError('ROTATION_UNPREPARED', 'this node has nowhere to keep another key');
  }
  if (keyLog.rotations.length >= rotationsMax) {
    throw new HansaError(
      'ROTATION_UNPREPARED',
      `this cluster has rotated ${rotationsMax} times, the most that a proof can carry`,
    );
  }
  // Whoever can read the promised seed may rotate: the present one is not needed, so that neither
  // its loss nor its theft is the end.
  const candidates = await vault.candidates();
  const promised = candidates.find((seed) => keyHash(crypto, seed) === nextKeyHash);
  if (promised === undefined) {
    throw new HansaError('KEY_MISMATCH', 'the key that this cluster has promised is not here', {
      fix: 'restore cluster-next.key from a backup, then repeat the rotation',
    });
  }
  const { connected, away } = peersOf(known.peers);
  const present = known.seeds?.cluster;
  return {
    present,
    promised,
    plan: {
      keyIndex: keyIndex + 1,
      key: toHex(crypto.publicKey(promised)),
      previousSigns: present !== undefined,
      connected: connected.map(({ name }) => name),
      away: away.map(({ name }) => name),
    },
  };
}

interface NamedPeer {
  readonly cluster: ClusterId;
  readonly name: string;
}

function peersOf(peers: Peers | undefined): {
  readonly connected: readonly NamedPeer[];
  readonly away: readonly NamedPeer[];
} {
  const all = (peers?.all() ?? []).map(({ cluster, name }) => ({
    cluster,
    name: name ?? cluster.slice(0, 8),
  }));
  const isHere = ({ cluster }: NamedPeer): boolean => peers?.connected(cluster) ?? false;
  return { connected: all.filter(isHere), away: all.filter((each) => !isHere(each)) };
}

export async function rotate(known: Known, signal?: AbortSignal): Promise<RotationDone> {
  const { vault, crypto, clock, log } = known;
  const { plan, present, promised } = await planRotation(known);
  if (vault === undefined) {
    throw new HansaError('ROTATION_UNPREPARED', 'this node has nowhere to keep another key');
  }
  const after = await vault.prepare();
  const rotation = makeRotation(crypto, known.keyLog, {
    present,
    promised,
    after,
    nowMs: clock.now(),
  });
  const next: KeyLog = { ...known.keyLog, rotations: [...known.keyLog.rotations, rotation] };
  await keep(known, rotation);
  // From here on there is no way back: whatever happens, the next start is with the new key.
  log.event('identity.rotating', { keyIndex: rotation.keyIndex });
  const acknowledged = await tellConnected(known, next, signal);
  await vault.settle({ cluster: promised, next: after });
  known.keyLog = next;
  if (known.seeds !== undefined) {
    known.seeds = { ...known.seeds, cluster: promised, next: after };
    await renew(known);
  }
  known.keeper.changed(next.inception.cluster);
  log.event('identity.rotated', { keyIndex: rotation.keyIndex });
  return { ...plan, acknowledged, restartNeeded: known.seeds === undefined };
}

/** The record's place in the store is taken once: two nodes cannot both rotate. */
async function keep({ store, tables }: Known, rotation: Rotation): Promise<void> {
  const key = tables.rotations.key(rotation.keyIndex);
  const { succeeded } = await store.transact({
    if: [{ key, target: 'version', op: '=', operand: 0 }],
    then: [tables.rotations.put([rotation.keyIndex], rotation)],
  });
  if (!succeeded) {
    throw new HansaError('CONFLICT', 'another node of this cluster has rotated the key', {
      fix: 'restart this node',
    });
  }
}

/** Names of those who answered that they know the key now. */
async function tellConnected(
  known: Known,
  log: KeyLog,
  signal?: AbortSignal,
): Promise<readonly string[]> {
  const { peers } = known;
  if (peers === undefined) {
    return [];
  }
  const told = peersOf(peers).connected.map(async ({ cluster, name }) => {
    const knows = await tell({ peers, clock: known.clock }, cluster, { log, signal }).catch(
      (error: unknown) => {
        known.log.problem('identity.untold', error, { cluster });
        return -1;
      },
    );
    return knows >= log.rotations.length ? [name] : [];
  });
  return (await Promise.all(told)).flat();
}
