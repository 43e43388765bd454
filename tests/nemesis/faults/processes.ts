// Processes that end, or stand still, at moments that nobody chose.
import type { Fault } from './fault.ts';

export const kill: Fault = {
  name: 'kill',
  about: 'kill -9 of one node, and a start on what it left',
  needs: [],
  shape: {},
  holdMs: [0, 1_000],
  async strike({ world, random }) {
    const victim = random.pick(world.nodes);
    await victim.kill();
    return { what: `killed ${victim.name}`, heal: () => victim.start() };
  },
};

export const killAll: Fault = {
  name: 'kill-all',
  about: 'kill -9 of every node at once',
  needs: [],
  shape: {},
  holdMs: [0, 500],
  async strike({ world: { nodes } }) {
    await Promise.all(nodes.map((node) => node.kill()));
    return {
      what: 'killed all',
      heal: async () => void (await Promise.all(nodes.map((node) => node.start()))),
    };
  },
};

export const pause: Fault = {
  name: 'pause',
  about: 'SIGSTOP of one node for up to 9 s: past beats, and past leases',
  needs: [],
  shape: {},
  holdMs: [500, 9_000],
  async strike({ world, random }) {
    const victim = random.pick(world.nodes);
    victim.pause();
    return {
      what: `paused ${victim.name}`,
      heal: () => Promise.resolve(victim.resume()),
    };
  },
};

export const restart: Fault = {
  name: 'restart',
  about: 'an orderly stop of one node, and a start',
  needs: [],
  shape: {},
  holdMs: [0, 500],
  async strike({ world, random }) {
    const victim = random.pick(world.nodes);
    await victim.stop();
    return { what: `stopped ${victim.name}`, heal: () => victim.start() };
  },
};
