// Most of what `hansa link list` costs is loading the program anew. A resident has loaded it and
// runs one command at a time as `main` is run by bin/hansa.js, for scripts and tests that run many.
// What is about the process itself (signals, standard input, broken pipes) needs one of its own.
import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

export interface ResidentNeeds {
  /** The folder that one stands in until it is told another. */
  readonly home: () => string;
  readonly environment: (home: string) => NodeJS.ProcessEnv;
  /** What takes longer hangs, and is ended. */
  readonly withinMs: number;
  readonly started?: (child: ChildProcess) => void;
}

export interface ResidentCommand {
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: NodeJS.ProcessEnv;
}

export interface ResidentAnswer {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a command with nothing on standard input; as many at once as are asked for. */
export type Residents = (command: ResidentCommand) => Promise<ResidentAnswer>;

interface Ended extends ResidentAnswer {
  /** It has read its standard input, of which there is no second. */
  readonly worn: boolean;
}

const module = fileURLToPath(new URL('process.mjs', import.meta.url));
const program = join(fileURLToPath(new URL('../..', import.meta.url)), 'cli', 'bin', 'hansa.js');

/** They end with the process that asks them. */
export function createResidents(needs: ResidentNeeds): Residents {
  const idle: ChildProcess[] = [];
  const takeIdle = (): ChildProcess | undefined => {
    const child = idle.pop();
    return child === undefined || child.connected ? child : takeIdle();
  };
  return async (command) => {
    const child = takeIdle() ?? (await startResident(needs));
    hold(child);
    const { worn, ...answer } = await answerOf(child, command, needs.withinMs);
    if (!worn && child.connected) {
      letGo(child);
      idle.push(child);
    } else {
      child.kill('SIGKILL');
    }
    return answer;
  };
}

function hold(child: ChildProcess): void {
  child.ref();
  child.channel?.ref();
}

/** One that waits for a command keeps nobody from ending. */
function letGo(child: ChildProcess): void {
  child.unref();
  child.channel?.unref();
}

async function startResident(needs: ResidentNeeds): Promise<ChildProcess> {
  const home = needs.home();
  const child = fork(module, [program], {
    cwd: home,
    env: needs.environment(home),
    execArgv: [],
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
  });
  needs.started?.(child);
  await new Promise<void>((resolve, reject) => {
    child.once('message', () => resolve());
    child.once('exit', (code) => reject(new Error(`the resident ended as it began (${code})`)));
  });
  return child;
}

function answerOf(child: ChildProcess, command: ResidentCommand, withinMs: number): Promise<Ended> {
  return new Promise((resolve) => {
    const end = (ended: Ended): void => {
      clearTimeout(timer);
      child.off('message', answered).off('exit', gone);
      resolve(ended);
    };
    const answered = (message: unknown): void => end(message as Ended);
    const gone = (code: number | null, signal: string | null): void =>
      end({ code: code ?? 1, stdout: '', stderr: `ended by ${signal ?? code}`, worn: true });
    const timer = setTimeout(() => child.kill('SIGKILL'), withinMs);
    child.on('message', answered).on('exit', gone);
    child.send(command);
  });
}
