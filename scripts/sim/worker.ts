// A process that plays the runs that it is sent, one at a time, until the one that sends them goes.
import { playSeed, scenarioNamed } from '../../testkit/simulation.ts';

export interface Run {
  readonly scenario: string;
  readonly seed: number;
}

export interface WorkerSaid {
  readonly failure?: string | undefined;
  readonly gone?: boolean;
}

process.on('message', (run: Run) => {
  playSeed(scenarioNamed(run.scenario), run.seed).then(
    () => process.send?.({}),
    (error: unknown) =>
      process.send?.({ failure: error instanceof Error ? error.message : String(error) }),
  );
});
process.once('disconnect', () => process.exit(0));
