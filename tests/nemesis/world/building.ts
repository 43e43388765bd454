// The processes of a world, each on the disk, in the network and by the clock that it is to have;
// none of them is started yet.
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { startEtcd, type EtcdCluster } from '../../../testkit/etcd-server.ts';
import { clearFakeClocks, createFakeClock, type FakeClock } from './fake-clock.ts';
import { prepareNode, type NodeProcess } from './node-process.ts';
import { makeImage, mountImage, plainFolder, smallDisk, type Storage } from './storage.ts';
import { openSwitchboard, type Port, type Switchboard } from './switchboard.ts';

export interface WorldShape {
  /** Each node in a network of its own, with a switch between them. */
  readonly network?: boolean;
  /** What the owner's data lies on. */
  readonly disk?: 'folder' | 'small' | 'image';
  /** Nodes go by clocks that can be set. */
  readonly clocks?: boolean;
  readonly mirrors?: number;
  /** The owner has so many nodes, on an etcd of three members. */
  readonly nodes?: number;
}

export interface Built {
  /** By cluster, the owner first. */
  readonly clusters: readonly { readonly name: string; readonly nodes: readonly NodeProcess[] }[];
  readonly switchboard: Switchboard | undefined;
  readonly etcd: EtcdCluster | undefined;
  clockOf(node: NodeProcess): FakeClock;
  /** The file that the owner's disk is. */
  imageOf(node: NodeProcess): string;
  /** The node's next starts are on this one; what was before is gone. */
  replaceImage(node: NodeProcess, file: string): Promise<void>;
}

interface Place {
  readonly shape: WorldShape;
  readonly folder: string;
  readonly undo: (() => Promise<void>)[];
  /** Those that no node has yet. */
  readonly ports: Port[];
  readonly clocks: Map<NodeProcess, FakeClock>;
  readonly disks: Map<NodeProcess, Disk>;
}

/** What a node's data lies on now. */
interface Disk {
  storage: Storage;
  image?: string;
}

const diskBytes: number = 48 * 1_024 * 1_024; // a fresh node takes about five of it
const imageBytes: number = 96 * 1_024 * 1_024; // with a journal of ext4's own
const etcdMembers = 3; // one may be away
const names = ['lubeck', 'bergen', 'visby'] as const;

/** What is made is undone by the steps that are added to `undo`, the last first. */
export async function build(
  shape: WorldShape,
  { folder, undo }: { readonly folder: string; readonly undo: (() => Promise<void>)[] },
): Promise<Built> {
  const chosen = names.slice(0, 1 + (shape.mirrors ?? 1));
  undo.push(async () => (shape.clocks === true ? clearFakeClocks() : undefined));
  const nodeCount = chosen.length - 1 + (shape.nodes ?? 1);
  const memberCount = shape.nodes === undefined ? 0 : etcdMembers;
  const switchboard =
    shape.network === true ? await openSwitchboard(nodeCount + memberCount) : undefined;
  undo.push(async () => switchboard?.close());
  const etcd = memberCount === 0 ? undefined : await startStore(switchboard, nodeCount);
  undo.push(async () => etcd?.end());
  const clocks: Place['clocks'] = new Map();
  const disks: Place['disks'] = new Map();
  const ports = [...(switchboard?.ports ?? [])];
  const place = { shape, folder, undo, ports, clocks, disks };
  const clusters = [];
  for (const [at, name] of chosen.entries()) {
    clusters.push({ name, nodes: await makeNodes(place, at, name) });
  }
  return {
    clusters,
    switchboard,
    etcd,
    clockOf: (node) => found(clocks.get(node)),
    imageOf: (node) => found(disks.get(node)?.image),
    async replaceImage(node, file) {
      const disk = found(disks.get(node));
      await disk.storage.close();
      rmSync(found(disk.image));
      disk.image = file;
      disk.storage = await mountImage(join(folder, node.name, 'disk'), file);
      node.moveTo(disk.storage);
    },
  };
}

/** Members come after the nodes, where each has a network of its own. */
function startStore(switchboard: Switchboard | undefined, nodeCount: number): Promise<EtcdCluster> {
  const hosts = switchboard?.ports.slice(nodeCount);
  return startEtcd({ members: etcdMembers, ...(hosts === undefined ? {} : { hosts }) });
}

function found<T>(thing: T | undefined): T {
  if (thing === undefined) {
    throw new Error('this world was not built with it');
  }
  return thing;
}

/** Of the cluster at that place among all; the first may have several. */
async function makeNodes(place: Place, at: number, cluster: string): Promise<NodeProcess[]> {
  const count = at === 0 ? (place.shape.nodes ?? 1) : 1;
  const nodes: NodeProcess[] = [];
  for (let number = 1; number <= count; number += 1) {
    const nodeName = count === 1 ? undefined : `n${number}`;
    nodes.push(await makeNode(place, { at, cluster, nodeName }));
  }
  return nodes;
}

async function makeNode(
  { shape, folder, undo, ports, clocks, disks }: Place,
  given: { readonly at: number; readonly cluster: string; readonly nodeName: string | undefined },
): Promise<NodeProcess> {
  const { at, cluster, nodeName } = given;
  const name = nodeName === undefined ? cluster : `${cluster}-${nodeName}`;
  const port = ports.shift();
  const reached = port === undefined ? [] : ['--node-host', port.address];
  const own = nodeName === undefined ? [] : ['--node-name', nodeName, ...reached];
  const home = join(folder, name);
  mkdirSync(home, { recursive: true });
  const disk = await diskFor(home, at === 0 ? shape.disk : 'folder');
  undo.push(() => disk.storage.close());
  const clock = shape.clocks === true ? createFakeClock(home) : undefined;
  const node = prepareNode({
    name,
    cluster,
    home,
    storage: disk.storage,
    port,
    flags: ['--sync-interval', '2', '--log-level', 'event', ...own],
    env: clock?.env ?? {},
  });
  undo.push(async () => (node.isRunning ? node.kill() : undefined));
  disks.set(node, disk);
  if (clock !== undefined) {
    clocks.set(node, clock);
  }
  return node;
}

async function diskFor(home: string, kind: WorldShape['disk']): Promise<Disk> {
  const folder = join(home, 'disk');
  if (kind === 'small') {
    return { storage: await smallDisk(folder, diskBytes) };
  }
  if (kind === 'image') {
    const image = join(home, 'disk.img');
    await makeImage(image, imageBytes);
    return { storage: await mountImage(folder, image), image };
  }
  return { storage: plainFolder(join(home, 'data')) };
}
