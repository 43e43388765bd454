// Where a run takes place: an owner and its mirrors, linked, sharing three spaces and a repository,
// each on the disk, in the network and by the clock that the fault needs.
import { kvContract } from '@hansa/capabilities/kv/contract';
import { forgeContract } from '@hansa/capabilities/forge/contract';
import { linksContract } from '@hansa/capabilities/links/contract';
import { policiesContract } from '@hansa/capabilities/policies/contract';
import { syncContract } from '@hansa/capabilities/sync/contract';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../../black-box/harness/until.ts';
import { serviceOf, type ClusterUnderTest } from '../clients/asking.ts';
import { spaces } from '../clients/keys.ts';
import { repository } from '../clients/pushes.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';
import { prepareNode, type NodeProcess } from './node-process.ts';
import { makeImage, mountImage, plainFolder, smallDisk, type Storage } from './storage.ts';
import { openSwitchboard, type Switchboard } from './switchboard.ts';

export interface WorldShape {
  /** Each node in a network of its own, with a switch between them. */
  readonly network?: boolean;
  /** What the owner's data lies on. */
  readonly disk?: 'folder' | 'small' | 'image';
  /** Nodes go by clocks that can be set. */
  readonly clocks?: boolean;
  readonly mirrors?: number;
}

export interface World {
  readonly owner: ClusterUnderTest;
  readonly mirrors: readonly ClusterUnderTest[];
  readonly nodes: readonly NodeProcess[];
  readonly switchboard: Switchboard | undefined;
  readonly folder: string;
  clockOf(node: NodeProcess): FakeClock;
  /** The file that the owner's disk is. */
  imageOf(node: NodeProcess): string;
  /** The node's next starts are on this one; what was before is gone. */
  replaceImage(node: NodeProcess, file: string): Promise<void>;
  close(): Promise<void>;
}

export const diskBytes: number = 48 * 1_024 * 1_024; // a fresh node takes about five of it
export const imageBytes: number = 96 * 1_024 * 1_024; // with a journal of ext4's own
const names = ['lubeck', 'bergen', 'visby'] as const;
const callWithinMs = 30_000; // a first call on a machine that does much else
const linkedWithinMs = 60_000;

export async function openWorld(shape: WorldShape): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'hansa-nemesis-'));
  const chosen = names.slice(0, 1 + (shape.mirrors ?? 1));
  const undo: (() => Promise<void>)[] = [async () => removeFolder(folder)];
  const close = async (): Promise<void> => {
    for (const step of undo.splice(0).toReversed()) {
      await step();
    }
  };
  try {
    const world = await build({ shape, folder, chosen, undo });
    await Promise.all(world.nodes.map((node) => node.start()));
    await federate(world);
    return { ...world, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}

async function build(given: {
  readonly shape: WorldShape;
  readonly folder: string;
  readonly chosen: readonly string[];
  readonly undo: (() => Promise<void>)[];
}): Promise<Omit<World, 'close'>> {
  const { shape, folder, chosen, undo } = given;
  const board = shape.network === true ? await openSwitchboard(chosen.length) : undefined;
  if (board !== undefined) {
    undo.push(() => board.close());
  }
  const clocks = new Map<NodeProcess, FakeClock>();
  const disks = new Map<NodeProcess, Disk>();
  const nodes: NodeProcess[] = [];
  for (const [at, name] of chosen.entries()) {
    const home = join(folder, name);
    mkdirSync(home, { recursive: true });
    const disk = await diskFor(home, at === 0 ? shape.disk : 'folder');
    const { storage } = disk;
    undo.push(() => disk.storage.close());
    const clock = shape.clocks === true ? createFakeClock(home) : undefined;
    const env = clock?.env ?? {};
    const flags = ['--sync-interval', '2', '--log-level', 'event'];
    const node = prepareNode({ name, home, storage, port: board?.ports[at], flags, env });
    undo.push(async () => (node.isRunning ? node.kill() : undefined));
    disks.set(node, disk);
    if (clock !== undefined) {
      clocks.set(node, clock);
    }
    nodes.push(node);
  }
  const clusters = nodes.map((node) => ({ name: node.name, nodes: [node] }));
  const [owner, ...mirrors] = clusters;
  if (owner === undefined) {
    throw new Error('a world has at least one cluster');
  }
  return {
    owner,
    mirrors,
    nodes,
    switchboard: board,
    folder,
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

/** What a node's data lies on now. */
interface Disk {
  storage: Storage;
  image?: string;
}

function found<T>(thing: T | undefined): T {
  if (thing === undefined) {
    throw new Error('this world was not built with it');
  }
  return thing;
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

/** Links everybody with everybody, and lets the mirrors follow what the owner makes. */
async function federate({ owner, mirrors, nodes }: Omit<World, 'close'>): Promise<void> {
  for (const [at, one] of nodes.entries()) {
    for (const other of nodes.slice(at + 1)) {
      await link(one, other);
    }
  }
  const [first] = owner.nodes;
  const kv = serviceOf(first, kvContract, callWithinMs);
  for (const name of spaces) {
    await kv.create({ name });
  }
  await serviceOf(first, forgeContract, callWithinMs).create({ name: repository });
  const kinds = [...spaces.map((name) => `kv/${name}`), `git/${repository}`];
  for (const mirror of mirrors) {
    for (const resource of kinds) {
      const [kind = '', name = ''] = resource.split('/');
      await serviceOf(first, policiesContract, callWithinMs).add({
        effect: 'allow',
        resources: { kind, name },
        peers: { peer: mirror.name },
        verbs: ['see', 'pull'],
      });
      await serviceOf(mirror.nodes[0], syncContract, callWithinMs).add({
        resource: `${owner.name}:${resource}`,
      });
    }
  }
}

async function link(one: NodeProcess, other: NodeProcess): Promise<void> {
  const [here, there] = [one, other].map((node) => serviceOf(node, linksContract, callWithinMs));
  if (here === undefined || there === undefined) {
    throw new Error('a link has two ends');
  }
  const { token } = await here.invite({ confirm: true });
  await there.accept({ token, confirm: true });
  await until(
    `${one.name} and ${other.name} are linked`,
    async () => {
      const [a, b] = await Promise.all([
        here.show({ peer: other.name }),
        there.show({ peer: one.name }),
      ]);
      return [a, b].every(({ status }) => ['live', 'idle'].includes(status));
    },
    linkedWithinMs,
  );
}
