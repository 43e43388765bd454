// What happens to a cluster of several nodes: the one that does the work dies or hangs, and so does
// the store's leader.
import { nodesContract } from '@hansa/capabilities/nodes/contract';
import { until } from '../../black-box/harness/until.ts';
import type { EtcdCluster } from '../../../testkit/etcd-server.ts';
import { serviceOf } from '../clients/asking.ts';
import type { NodeProcess } from '../world/node-process.ts';
import type { World } from '../world/world.ts';
import type { Fault } from './fault.ts';

const electedWithinMs = 30_000; // a takeover takes up to ten seconds, and the machine is shared
const askWithinMs = 3_000;

/** As some node that answers has it. */
export function activeOf({ owner }: World): Promise<NodeProcess> {
  return until(
    `a node of ${owner.name} is active`,
    async () => {
      for (const node of owner.nodes.filter(({ isRunning }) => isRunning)) {
        const listed = await serviceOf(node, nodesContract, askWithinMs)
          .list({})
          .catch(() => undefined);
        const active = listed?.nodes.find(({ role }) => role === 'active');
        if (active !== undefined) {
          return owner.nodes.find(({ name }) => name === `${owner.name}-${active.name}`);
        }
      }
      return undefined;
    },
    electedWithinMs,
  );
}

export function etcdOf({ etcd }: World): EtcdCluster {
  if (etcd === undefined) {
    throw new Error('this world has no etcd');
  }
  return etcd;
}

const several = { needs: ['etcd'], shape: { nodes: 3 } } as const;

export const activeKilled: Fault = {
  ...several,
  name: 'active-killed',
  about: 'kill -9 of the active one of three nodes, and a start later',
  holdMs: [0, 8_000],
  async strike({ world }) {
    const victim = await activeOf(world);
    await victim.kill();
    return { what: `killed ${victim.name}`, heal: () => victim.start() };
  },
};

export const activePaused: Fault = {
  ...several,
  name: 'active-paused',
  about: 'SIGSTOP of the active one of three nodes for 1 to 12 s: past its lease, and waking after',
  holdMs: [1_000, 12_000],
  async strike({ world }) {
    const victim = await activeOf(world);
    victim.pause();
    return { what: `paused ${victim.name}`, heal: () => Promise.resolve(victim.resume()) };
  },
};

export const leadersKilled: Fault = {
  ...several,
  name: 'leaders-killed',
  about: 'kill -9 of the active node and of etcd’s leader at once',
  holdMs: [0, 8_000],
  async strike({ world }) {
    const [victim, member] = await Promise.all([activeOf(world), etcdOf(world).leader()]);
    await Promise.all([victim.kill(), member.kill()]);
    return {
      what: `killed ${victim.name} and etcd ${member.name}`,
      heal: async () => void (await Promise.all([member.start(), victim.start()])),
    };
  },
};

export const etcdHung: Fault = {
  ...several,
  name: 'etcd-hung',
  about: 'SIGSTOP of etcd’s leader for up to 8 s, its connections open',
  holdMs: [500, 8_000],
  async strike({ world }) {
    const member = await etcdOf(world).leader();
    member.hang();
    return { what: `hung etcd ${member.name}`, heal: () => Promise.resolve(member.resume()) };
  },
};

export const etcdMinority: Fault = {
  ...several,
  name: 'etcd-minority',
  about: 'kill -9 of two of etcd’s three members: nothing can be written until they are back',
  holdMs: [500, 8_000],
  async strike({ world, random }) {
    const spared = random.integer(3);
    const victims = etcdOf(world).members.filter((_, at) => at !== spared);
    await Promise.all(victims.map((member) => member.kill()));
    return {
      what: `killed etcd ${victims.map(({ name }) => name).join(' and ')}`,
      heal: async () => void (await Promise.all(victims.map((member) => member.start()))),
    };
  },
};

export const rolling: Fault = {
  ...several,
  name: 'rolling',
  about: 'every node stopped in order and started again, one after the other',
  holdMs: [0, 200],
  async strike({ world: { owner } }) {
    for (const node of owner.nodes) {
      await node.stop();
      await node.start();
    }
    return { what: `restarted all of ${owner.name}`, heal: () => Promise.resolve() };
  },
};

export const drained: Fault = {
  ...several,
  name: 'drained',
  about: 'the active one of three nodes told to give over what it does, and to serve again',
  holdMs: [0, 4_000],
  async strike({ world }) {
    const victim = await activeOf(world);
    await tellMode(world, victim, 'drain');
    return {
      what: `drained ${victim.name}`,
      heal: () => tellMode(world, victim, 'resume'),
    };
  },
};

/** Until some node took it: the one that is told is the one that hands over meanwhile. */
async function tellMode(
  { owner }: World,
  victim: NodeProcess,
  mode: 'drain' | 'resume',
): Promise<void> {
  const node = victim.name.slice(owner.name.length + 1);
  await until(
    `${victim.name}: ${mode}`,
    async () => {
      for (const each of owner.nodes) {
        const told = await serviceOf(each, nodesContract, askWithinMs)
          [mode]({ node })
          .catch(() => undefined);
        if (told !== undefined) {
          return true;
        }
      }
      return undefined;
    },
    electedWithinMs,
  );
}
