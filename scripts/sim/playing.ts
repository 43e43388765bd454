// Many runs, one after the other or shared out among processes: what failed is told as it happens,
// with the command that plays it again.
import { fork, type ChildProcess } from 'node:child_process';
import { bundle } from '../../testkit/bundle.ts';
import { playSeed, replayCommand, scenarioNamed } from '../../testkit/simulation.ts';
import type { Run, WorkerSaid } from './worker.ts';

const failuresShownMax = 20; // one bug fails many seeds, and one of them is enough
// most of what a story makes is gone within a virtual second: it should die young
const roomy = ['--max-semi-space-size=64'];

export interface Count {
  readonly count: number;
  readonly failed: number;
}

interface Telling {
  passed(): void;
  failed(run: Run, failure: string): void;
  readonly count: Count;
}

function createTelling(): Telling {
  let [count, failed] = [0, 0];
  return {
    get count() {
      return { count, failed };
    },
    passed() {
      count += 1;
    },
    failed({ scenario, seed }, failure) {
      [count, failed] = [count + 1, failed + 1];
      const short = `failed: ${replayCommand(scenario, seed)}`;
      console.log(failed <= failuresShownMax ? failure : short);
    },
  };
}

/** When no further run is begun, though some are left. */
export interface Ending {
  /** At the first that failed. */
  readonly bail: boolean;
  /** By the wall clock. */
  readonly atMs: number;
}

function* until(
  telling: Telling,
  runs: readonly Run[],
  { bail, atMs }: Ending,
): Generator<Run, void, undefined> {
  for (const run of runs) {
    if ((bail && telling.count.failed > 0) || Date.now() >= atMs) {
      return;
    }
    yield run;
  }
}

export async function playHere(runs: readonly Run[], ending: Ending): Promise<Count> {
  const telling = createTelling();
  for (const run of until(telling, runs, ending)) {
    try {
      await playSeed(scenarioNamed(run.scenario), run.seed);
      telling.passed();
    } catch (error) {
      telling.failed(run, error instanceof Error ? error.message : String(error));
    }
  }
  return telling.count;
}

export async function playInWorkers(
  runs: readonly Run[],
  { jobs, ...ending }: Ending & { readonly jobs: number },
): Promise<Count> {
  const telling = createTelling();
  const left = until(telling, runs, ending);
  const worker = await bundle('scripts/sim/worker.ts');
  try {
    const workers = Array.from({ length: Math.min(jobs, runs.length) }, () =>
      keepBusy(worker.path, left, telling),
    );
    await Promise.all(workers);
  } finally {
    worker.remove();
  }
  return telling.count;
}

/** One process after the other: one that dies has failed its run, and another takes its place. */
async function keepBusy(script: string, left: Iterable<Run>, telling: Telling): Promise<void> {
  let worker: ChildProcess | undefined;
  for (const run of left) {
    worker ??= fork(script, { execArgv: roomy });
    const said = await playIn(worker, run);
    if (said.failure === undefined) {
      telling.passed();
    } else {
      telling.failed(run, said.failure);
    }
    worker = said.gone === true ? undefined : worker;
  }
  worker?.disconnect();
}

function playIn(worker: ChildProcess, run: Run): Promise<WorkerSaid> {
  return new Promise((resolve) => {
    const gone = (code: number | null, signal: string | null): void => {
      worker.off('message', said);
      const again = replayCommand(run.scenario, run.seed);
      const failure = `the process ended with ${signal ?? code} in ${run.scenario}: ${again}`;
      resolve({ failure, gone: true });
    };
    const said = (answer: WorkerSaid): void => {
      worker.off('exit', gone);
      resolve(answer);
    };
    worker.once('exit', gone);
    worker.once('message', said);
    worker.send(run);
  });
}
