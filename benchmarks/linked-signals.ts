// Linked clusters whose nodes host routers of signals, as people set them up: a hub with a leaf on
// either side, a namespace of the leaf's that policies let cross, and tokens for who connects.
import {
  createRig,
  linkTwo,
  shareWith,
  until,
  type MeasuredCluster,
  type Rig,
} from './federation-rig.ts';

export interface LinkedSites {
  readonly a: Place;
  readonly hub: Place;
  /** Another leaf, or the same where none is asked for. */
  readonly b: Place;
  close(): Promise<void>;
}

/** Where a session connects, and with what it is let in. */
export interface Place {
  readonly port: number;
  readonly token: string;
}

const signals = ['--signals', '127.0.0.1:0', '--signals-rate-limit', '0', '--log-level', 'problem'];
const crossWithinMs = 30_000;
const namespace = { kind: 'namespace', name: 'a' };
const patterns = ['/bench/a/**'];

/** With `b` left out, nobody has to be told what is measured but the hub. */
export async function startLinkedSites(leaves: 'a' | 'a and b' = 'a and b'): Promise<LinkedSites> {
  const rig = createRig();
  try {
    return { ...(await startSites(rig, leaves)), close: () => rig.close() };
  } catch (error) {
    await rig.close();
    throw error;
  }
}

async function startSites(rig: Rig, leaves: string): Promise<Omit<LinkedSites, 'close'>> {
  const [a, hub] = [await rig.start('a', ...signals), await rig.start('hub', ...signals)];
  await linkTwo(hub, a);
  await a.namespaces.add({ name: 'a', patterns });
  await shareWith(a, hub, namespace);
  await mirrored(hub, 'a:namespace/a');
  const b = leaves === 'a' ? a : await startB(rig, hub);
  return { a: placeOf(a), hub: placeOf(hub), b: placeOf(b) };
}

async function startB(rig: Rig, hub: MeasuredCluster): Promise<MeasuredCluster> {
  const b = await rig.start('b', ...signals);
  await linkTwo(hub, b);
  await hub.namespaces.add({ name: 'a', patterns, of: 'a' });
  await shareWith(hub, b, namespace);
  await mirrored(b, 'hub:namespace/a');
  return b;
}

function placeOf({ signals: url = '', token }: MeasuredCluster): Place {
  return { port: Number(new URL(url).port), token };
}

/** As soon as what is shared is seen. */
function mirrored(cluster: MeasuredCluster, resource: string): Promise<void> {
  return until(`${resource} is mirrored`, crossWithinMs, async () => {
    await cluster.sync.add({ resource });
    return true;
  });
}
