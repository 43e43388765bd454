// Networks that lose, slow and cut. Rules stand in the namespace of the node that receives, so each
// direction is cut by itself.
import type { NodeProcess } from '../world/node-process.ts';
import { fairWeather, type Port, type Switchboard } from '../world/switchboard.ts';
import type { Arena, Fault, Wrong } from './fault.ts';

const flapMs = 300; // shorter than any time-out, so that nothing ever settles

/** What is dropped of what arrives at a port: everything of some, or some of everything. */
export async function drop(
  board: Switchboard,
  port: Port,
  rules: readonly string[],
): Promise<void> {
  const table = [
    'add table inet nemesis',
    'delete table inet nemesis',
    'table inet nemesis {',
    'chain input {',
    'type filter hook input priority 0; policy accept;',
    'iifname "lo" accept',
    ...rules,
    '}',
    '}',
  ];
  await board.inside(port, ['nft', '-f', '-'], `${table.join('\n')}\n`);
}

export function from({ address }: Port): string {
  return `ip saddr ${address} drop`;
}

export function portOf({ name, port }: NodeProcess): Port {
  if (port === undefined) {
    throw new Error(`${name} has no network of its own`);
  }
  return port;
}

export function boardOf({ world }: Arena): Switchboard {
  if (world.switchboard === undefined) {
    throw new Error('this world has no network of its own');
  }
  return world.switchboard;
}

/** Nothing is dropped anywhere. */
export async function calm(arena: Arena): Promise<void> {
  const board = boardOf(arena);
  await Promise.all(board.ports.map((port) => drop(board, port, [])));
}

/** Two of the nodes, one way as likely as the other. */
function two({ world, random }: Arena): readonly [NodeProcess, NodeProcess] {
  const one = random.pick(world.nodes);
  return [one, random.pick(world.nodes.filter((node) => node !== one))];
}

type Direction = 'both ways' | 'one way';

async function cut(
  arena: Arena,
  pair: readonly [NodeProcess, NodeProcess],
  direction: Direction,
): Promise<void> {
  const [one, other] = [portOf(pair[0]), portOf(pair[1])];
  const board = boardOf(arena);
  await drop(board, one, [from(other)]);
  if (direction === 'both ways') {
    await drop(board, other, [from(one)]);
  }
}

export const partition: Fault = {
  name: 'partition',
  about: 'two clusters cut from each other, both ways or one way',
  needs: ['netns', 'nft', 'python3'],
  shape: { network: true },
  holdMs: [1_000, 10_000],
  async strike(arena) {
    const pair = two(arena);
    const direction: Direction = arena.random.chance(0.5) ? 'both ways' : 'one way';
    await cut(arena, pair, direction);
    const what = `${direction}: ${pair[0].name} hears nothing of ${pair[1].name}`;
    return { what, heal: () => calm(arena) };
  },
};

export const bridge: Fault = {
  name: 'bridge',
  about: 'the owner and one mirror cut from each other, the third cluster sees both',
  needs: ['netns', 'nft', 'python3'],
  shape: { network: true, mirrors: 2 },
  holdMs: [2_000, 10_000],
  async strike(arena) {
    const [owner] = arena.world.owner.nodes;
    const mirror = arena.random.pick(arena.world.mirrors).nodes[0];
    if (owner === undefined || mirror === undefined) {
      throw new Error('a cluster has no nodes');
    }
    await cut(arena, [owner, mirror], 'both ways');
    return { what: `${owner.name} | ${mirror.name}`, heal: () => calm(arena) };
  },
};

export const flapping: Fault = {
  name: 'flapping',
  about: 'a connection that comes and goes several times a second',
  needs: ['netns', 'nft', 'python3'],
  shape: { network: true },
  holdMs: [3_000, 10_000],
  async strike(arena) {
    const pair = two(arena);
    const flapped = flap(arena, pair);
    return { what: `${pair[0].name} and ${pair[1].name} flap`, heal: () => flapped.stop() };
  },
};

function flap(arena: Arena, pair: readonly [NodeProcess, NodeProcess]): { stop(): Promise<void> } {
  let over = false;
  const loop = async (): Promise<void> => {
    for (let isCut = true; !over; isCut = !isCut) {
      await (isCut ? cut(arena, pair, 'both ways') : calm(arena));
      await new Promise((resolve) => {
        setTimeout(resolve, flapMs);
      });
    }
    await calm(arena);
  };
  const ended = loop();
  ended.catch(() => undefined); // told to whoever stops it
  return {
    stop() {
      over = true;
      return ended;
    },
  };
}

export const loss: Fault = {
  name: 'loss',
  about: 'a tenth to a third of all packets lost, in both directions',
  needs: ['netns', 'nft', 'python3'],
  shape: { network: true },
  holdMs: [2_000, 10_000],
  async strike(arena) {
    const percent = 10 + arena.random.integer(24);
    const board = boardOf(arena);
    const rule = [`numgen random mod 100 < ${percent} drop`];
    await Promise.all(arena.world.nodes.map((node) => drop(board, portOf(node), rule)));
    return { what: `${percent} % lost`, heal: () => calm(arena) };
  },
};

export const latency: Fault = {
  name: 'latency',
  about: '20 to 400 ms each way, with jitter, packets overtaking each other and doubled ones',
  needs: ['netns', 'python3'],
  shape: { network: true },
  holdMs: [2_000, 10_000],
  async strike(arena) {
    const { random } = arena;
    const delayMs = Math.round(random.between(20, 400));
    const jitterMs = Math.round(random.between(0, delayMs));
    const board = boardOf(arena);
    await board.setWeather({ delayMs, jitterMs, twicePercent: random.integer(10) });
    const heal = (): Promise<void> => board.setWeather(fairWeather);
    return { what: `${delayMs} ms and up to ${jitterMs} more`, heal };
  },
};

export const rate: Fault = {
  name: 'rate',
  about: '64 kbit/s to 1 Mbit/s out of each node',
  needs: ['netns', 'tbf', 'python3'],
  shape: { network: true },
  holdMs: [2_000, 10_000],
  async strike(arena): Promise<Wrong> {
    const board = boardOf(arena);
    const kbit = arena.random.pick([64, 256, 1_000]);
    const everywhere = async (words: readonly string[]): Promise<void> => {
      for (const { port } of arena.world.nodes) {
        if (port !== undefined) {
          await board.inside(port, ['tc', 'qdisc', ...words]);
        }
      }
    };
    const limit = `tbf rate ${kbit}kbit burst 16kb latency 400ms`.split(' ');
    await everywhere(['replace', 'dev', 'wan0', 'root', ...limit]);
    return { what: `${kbit} kbit/s`, heal: () => everywhere(['del', 'dev', 'wan0', 'root']) };
  },
};
