// Commands of tests that are about what a command does and not about its process.
import { createResidents } from '../../../scripts/resident/residents.ts';
import { cleanEnvironment, lastingFolder } from './place.ts';
import { keepProcess } from './processes.ts';
import { finished, runWithinMs, type Finished } from './run.ts';

export interface ResidentPlace {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

const residents = createResidents({
  home: () => lastingFolder('resident'),
  environment: cleanEnvironment,
  withinMs: runWithinMs,
  started: keepProcess,
});

/** `hansa …` with nothing on standard input. */
export async function runHansa(
  args: readonly string[],
  { cwd, env }: ResidentPlace,
): Promise<Finished> {
  return finished(`hansa ${args.join(' ')}`, await residents({ args, cwd, env }));
}
