export {
  createFederation,
  type Condition,
  type Federation,
  type FederationOptions,
} from './federation.ts';
export { createActs, type Acts, type Outcome } from './federation-acts.ts';
export { finish } from './federation-ending.ts';
export type { Scenario, Stage } from './faults.ts';
export { scenarios } from './scenarios.ts';
export { createSeededRandom, type SeededRandom } from './seeded-random.ts';
export { playSeed, replayCommand, scenarioNamed, type Played } from './simulation.ts';
export {
  createVirtualClock,
  simulationStartMs,
  type ClockTraits,
  type ClockView,
  type VirtualClock,
} from './virtual-clock.ts';
