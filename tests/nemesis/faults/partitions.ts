// A cluster of several nodes whose network is cut inside: nodes from each other, from their store,
// and the store's own members, each direction by itself.
import type { EtcdMember } from '../../../testkit/etcd-server.ts';
import type { NodeProcess } from '../world/node-process.ts';
import type { Port } from '../world/switchboard.ts';
import type { World } from '../world/world.ts';
import type { Arena, Fault, Wrong } from './fault.ts';
import { boardOf, calm, drop, from, portOf } from './network.ts';
import { activeOf, etcdOf } from './nodes.ts';

const inside = {
  needs: ['netns', 'nft', 'python3', 'etcd'],
  shape: { nodes: 3, network: true },
  holdMs: [1_000, 12_000], // some are healed before anybody's lease has ended
} as const;

/** Whose packets are lost on the way: both sides', or those of one. */
const ways = ['both ways', 'it hears nothing', 'nobody hears it'] as const;
type Way = (typeof ways)[number];

/** Of the store's member with that network. */
function memberPort(arena: Arena, { endpoint }: EtcdMember): Port {
  const port = boardOf(arena).ports.find(({ address }) => endpoint.startsWith(`${address}:`));
  if (port === undefined) {
    throw new Error(`${endpoint} has no network of its own`);
  }
  return port;
}

function memberPorts(arena: Arena): readonly Port[] {
  return etcdOf(arena.world).members.map((member) => memberPort(arena, member));
}

function othersOf({ owner }: World, active: NodeProcess): readonly Port[] {
  return owner.nodes.filter((node) => node !== active).map(portOf);
}

async function cutFrom(
  arena: Arena,
  given: { readonly one: Port; readonly others: readonly Port[]; readonly way: Way },
): Promise<void> {
  const { one, others, way } = given;
  const board = boardOf(arena);
  if (way !== 'nobody hears it') {
    await drop(board, one, others.map(from));
  }
  if (way !== 'it hears nothing') {
    await Promise.all(others.map((other) => drop(board, other, [from(one)])));
  }
}

function cutting(
  { name, about }: Pick<Fault, 'name' | 'about'>,
  choose: (arena: Arena) => Promise<{ what: string; one: Port; others: readonly Port[] }>,
): Fault {
  return {
    ...inside,
    name,
    about,
    async strike(arena): Promise<Wrong> {
      const { what, one, others } = await choose(arena);
      const way = arena.random.pick(ways);
      await cutFrom(arena, { one, others, way });
      return { what: `${what}: ${way}`, heal: () => calm(arena) };
    },
  };
}

export const activeCut: Fault = cutting(
  {
    name: 'active-cut',
    about:
      'the active one of three nodes cut from the two that stand by, both ways or one way, while ' +
      'all reach etcd',
  },
  async (arena) => {
    const active = await activeOf(arena.world);
    const others = othersOf(arena.world, active);
    return { what: `${active.name} | the other nodes`, one: portOf(active), others };
  },
);

export const activeCutFromEtcd: Fault = cutting(
  {
    name: 'active-cut-from-etcd',
    about: 'the active one of three nodes cut from all of etcd, both ways or one way',
  },
  async (arena) => {
    const active = await activeOf(arena.world);
    return { what: `${active.name} | etcd`, one: portOf(active), others: memberPorts(arena) };
  },
);

export const activeAlone: Fault = cutting(
  {
    name: 'active-alone',
    about: 'the active one of three nodes cut from the others and from etcd, both ways or one way',
  },
  async (arena) => {
    const active = await activeOf(arena.world);
    const others = [...othersOf(arena.world, active), ...memberPorts(arena)];
    return { what: `${active.name} | all others`, one: portOf(active), others };
  },
);

export const etcdLeaderCut: Fault = cutting(
  {
    name: 'etcd-leader-cut',
    about:
      'etcd’s leader cut from its two other members, both ways or one way, while the nodes ' +
      'reach all',
  },
  async (arena) => {
    const leader = await etcdOf(arena.world).leader();
    const one = memberPort(arena, leader);
    const others = memberPorts(arena).filter((port) => port !== one);
    return { what: `etcd ${leader.name} | the other members`, one, others };
  },
);
