// Where a run takes place: an owner and its mirrors, linked, sharing three spaces and a repository.
import { forgeContract } from '@hansa/capabilities/forge/contract';
import { kvContract } from '@hansa/capabilities/kv/contract';
import { linksContract } from '@hansa/capabilities/links/contract';
import { nodesContract } from '@hansa/capabilities/nodes/contract';
import { policiesContract } from '@hansa/capabilities/policies/contract';
import { syncContract } from '@hansa/capabilities/sync/contract';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { until } from '../../black-box/harness/until.ts';
import { serviceOf, type ClusterUnderTest } from '../clients/asking.ts';
import { spaces } from '../clients/keys.ts';
import { repository } from '../clients/pushes.ts';
import { build, type Built, type WorldShape } from './building.ts';
import type { NodeProcess } from './node-process.ts';

export interface World extends Omit<Built, 'clusters'> {
  readonly owner: ClusterUnderTest;
  readonly mirrors: readonly ClusterUnderTest[];
  readonly nodes: readonly NodeProcess[];
  readonly folder: string;
  close(): Promise<void>;
}

const callWithinMs = 30_000; // a first call on a machine that does much else
const linkedWithinMs = 60_000;

export async function openWorld(shape: WorldShape): Promise<World> {
  const folder = mkdtempSync(join(tmpdir(), 'hansa-nemesis-'));
  const undo: (() => Promise<void>)[] = [async () => removeFolder(folder)];
  const close = async (): Promise<void> => {
    for (const step of undo.splice(0).toReversed()) {
      await step();
    }
  };
  try {
    const built = await build(shape, { folder, undo });
    const [owner, ...mirrors] = built.clusters;
    if (owner === undefined) {
      throw new Error('a world has at least one cluster');
    }
    const nodes = built.clusters.flatMap((cluster) => cluster.nodes);
    const world: World = { ...built, owner, mirrors, nodes, folder, close };
    const others = mirrors.flatMap((mirror) => mirror.nodes);
    await Promise.all([startOwner(world), ...others.map((node) => node.start())]);
    await federate(world);
    return world;
  } catch (error) {
    await close();
    throw error;
  }
}

function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
}

/** Its first node founds the cluster; the others come in by tickets. */
async function startOwner({ owner, etcd }: World): Promise<void> {
  const [first, ...others] = owner.nodes;
  const store = etcd === undefined ? [] : ['--store', `etcd://${etcd.endpoints.join(',')}/lubeck`];
  await first?.start(store);
  for (const node of others) {
    const { ticket } = await serviceOf(first, nodesContract, callWithinMs).invite({});
    await node.start(['--join', ticket]);
  }
}

/** Links everybody with everybody, and lets the mirrors follow what the owner makes. */
async function federate({ owner, mirrors }: World): Promise<void> {
  const clusters = [owner, ...mirrors];
  for (const [at, one] of clusters.entries()) {
    for (const other of clusters.slice(at + 1)) {
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

async function link(one: ClusterUnderTest, other: ClusterUnderTest): Promise<void> {
  const [here, there] = [one, other].map(({ nodes: [first] }) =>
    serviceOf(first, linksContract, callWithinMs),
  );
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
