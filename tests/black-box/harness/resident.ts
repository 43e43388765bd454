// Most of what `hansa link list` costs a test is loading the program anew. A resident has loaded it
// and runs one command at a time as `main` is run by bin/hansa.js; what is about the process itself
// (signals, standard input, starts, broken pipes) is tested with processes of their own.
import { fork, type ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { cleanEnvironment, program, temporaryFolder } from './place.ts';
import { trackProcess } from './processes.ts';
import { finished, runWithinMs, type Finished } from './run.ts';

export interface ResidentCommand {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
}

interface Ended {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
  /** It has read its standard input, of which there is no second. */
  readonly worn: boolean;
}

const module = fileURLToPath(new URL('resident-process.mjs', import.meta.url));
const idle: ChildProcess[] = [];

/** `hansa …` with nothing on standard input. */
export async function runHansa(
  args: readonly string[],
  { cwd, env }: ResidentCommand,
): Promise<Finished> {
  const child = takeIdle() ?? (await startResident());
  const ended = await answerOf(child, { args, cwd, env });
  if (!ended.worn && child.connected) {
    idle.push(child);
  } else {
    child.kill('SIGKILL');
  }
  return finished(`hansa ${args.join(' ')}`, ended);
}

function takeIdle(): ChildProcess | undefined {
  for (;;) {
    const child = idle.pop();
    if (child === undefined || child.connected) {
      return child;
    }
  }
}

async function startResident(): Promise<ChildProcess> {
  const home = temporaryFolder('resident');
  const child = fork(module, [program], {
    cwd: home,
    env: cleanEnvironment(home),
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  trackProcess(child);
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve());
    child.once('exit', (code) => reject(new Error(`the resident ended as it began (${code})`)));
  });
  return child;
}

function answerOf(child: ChildProcess, command: object): Promise<Ended> {
  return new Promise((resolve) => {
    const end = (ended: Ended): void => {
      clearTimeout(timer);
      child.off('message', answered).off('exit', gone);
      resolve(ended);
    };
    const answered = (message: unknown): void => end(message as Ended);
    const gone = (code: number | null, signal: string | null): void =>
      end({ code: code ?? 1, stdout: '', stderr: `ended by ${signal ?? code}`, worn: true });
    const timer = setTimeout(() => child.kill('SIGKILL'), runWithinMs);
    child.on('message', answered).on('exit', gone);
    child.send(command);
  });
}
