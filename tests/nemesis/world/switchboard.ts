// The network between nodes, where one may be made: a namespace for each, with a switch between
// them that delays, and rules of each namespace's own that drop and slow. It ends with its process.
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { endProcess, trackProcess } from '../../black-box/harness/processes.ts';
import { run } from '../../black-box/harness/run.ts';

export interface Port {
  readonly address: string;
  /** Words that begin a program in its namespace. */
  readonly enter: readonly string[];
}

export interface Weather {
  readonly delayMs: number;
  readonly jitterMs: number;
  /** Frames that arrive two times, of a hundred. */
  readonly twicePercent: number;
}

export interface Switchboard {
  readonly ports: readonly Port[];
  setWeather(weather: Weather): Promise<void>;
  /** Runs a program in the namespace of a port; throws where it fails. */
  inside(port: Port, command: readonly string[], input?: string): Promise<string>;
  close(): Promise<void>;
}

export const fairWeather: Weather = { delayMs: 0, jitterMs: 0, twicePercent: 0 };

const program = fileURLToPath(new URL('switchboard.py', import.meta.url));
const portsMax = 16;

export async function openSwitchboard(count: number): Promise<Switchboard> {
  if (count > portsMax) {
    throw new Error(`a switchboard has at most ${portsMax} ports`);
  }
  const addresses = Array.from({ length: count }, (_, at) => `10.77.7.${at + 1}`);
  // In a namespace of users as well: whoever may make one needs no other right.
  const words = ['--user', '--map-root-user', 'python3', program, ...addresses];
  const child = spawn('unshare', words, { stdio: ['pipe', 'pipe', 'inherit'] });
  trackProcess(child);
  const lines = createInterface({ input: child.stdout });
  const { pids } = JSON.parse(await nextLine(lines, child)) as { pids: number[] };
  const ports = addresses.map((address, at) => ({ address, enter: enter(pids[at] ?? 0) }));
  return {
    ports,
    async setWeather(weather) {
      const answered = nextLine(lines, child);
      child.stdin.write(`${JSON.stringify(weather)}\n`);
      await answered;
    },
    async inside(port, command, input) {
      const [first = '', ...rest] = [...port.enter, ...command];
      const done = await run(first, rest, {
        cwd: '/',
        ...(input === undefined ? {} : { input }),
      });
      if (done.code !== 0) {
        throw new Error(`${command.join(' ')}: ${done.stderr}`);
      }
      return done.stdout;
    },
    close: () => endProcess(child, 'SIGKILL'),
  };
}

function enter(pid: number): readonly string[] {
  return ['nsenter', `--target=${pid}`, '--user', '--preserve-credentials', '--net'];
}

async function nextLine(
  lines: ReturnType<typeof createInterface>,
  child: ChildProcess,
): Promise<string> {
  const ended = once(child, 'exit').then(([code]) => {
    throw new Error(`the switchboard ended (${String(code)})`);
  });
  ended.catch(() => undefined); // it ends some day, when nobody waits for a line any more
  const [line] = (await Promise.race([once(lines, 'line'), ended])) as [string];
  return line;
}
