// Wall clocks that jump. Timers are monotonic and stay right, as they do on machines.
import type { Fault } from './fault.ts';

const jumpsSeconds = [-3_600, -60, -5, 5, 60, 3_600] as const;

export const clock: Fault = {
  name: 'clock',
  about: 'the wall clock of one node jumps by seconds to an hour, forward or back, and returns',
  needs: ['faketime'],
  shape: { clocks: true },
  holdMs: [1_000, 6_000],
  strike({ world, random }) {
    const victim = random.pick(world.nodes);
    const seconds = random.pick(jumpsSeconds);
    const fake = world.clockOf(victim);
    fake.set(seconds);
    return Promise.resolve({
      what: `${victim.name} ${seconds > 0 ? '+' : ''}${seconds} s`,
      heal: () => Promise.resolve(fake.set(0)),
    });
  },
};
