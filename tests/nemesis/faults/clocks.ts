// Wall clocks that jump. Timers are monotonic and stay right, as they do on machines.
import type { Fault } from './fault.ts';

const jumpsSeconds = [-3_600, -60, -5, 5, 30, 3_600] as const;
// Further ahead, what an owner signs is refused by its peers until the true time has come there:
// CLOCK_AHEAD, by design, and so no violation.
const aheadSecondsMax = 30;

export const clock: Fault = {
  name: 'clock',
  about: 'a wall clock jumps up to an hour back or forth (an owner’s 30 s forth), and returns',
  needs: ['faketime'],
  shape: { clocks: true },
  holdMs: [1_000, 6_000],
  strike({ world, random }) {
    const victim = random.pick(world.nodes);
    const isOwner = world.owner.nodes.includes(victim);
    const mayJump = jumpsSeconds.filter((each) => !isOwner || each <= aheadSecondsMax);
    const seconds = random.pick(mayJump);
    const fake = world.clockOf(victim);
    fake.set(seconds);
    return Promise.resolve({
      what: `${victim.name} ${seconds > 0 ? '+' : ''}${seconds} s`,
      heal: () => Promise.resolve(fake.set(0)),
    });
  },
};
