// Programs that run on this terminal while something is held for them, and the time that commands
// measure meanwhile.
import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { constants, hostname } from 'node:os';
import { setTimeout as sleeping } from 'node:timers/promises';
import { HansaError, type Clock, type ProgramRunner } from '@hansa/foundation';
import { lastingTerminal } from './terminal.ts';

const graceMs = 10_000; // between being asked to end and being made to
const signalExit = 128; // what shells add to a signal's number

const clock: Clock = {
  now: () => Date.now(),
  monotonicMs: () => performance.now(),
  async sleep(ms, signal) {
    await sleeping(ms, undefined, signal === undefined ? {} : { signal });
  },
};

export interface ProgramTerminal extends ProgramRunner {
  print(item: unknown, line: string): Promise<void>;
}

export const programTerminal: ProgramTerminal = {
  // A process id comes again, on this host or in another container of its name.
  me: `${hostname()}/${process.pid}/${randomBytes(4).toString('hex')}`,
  clock,
  run: runProgram,
  print: (item, line) => lastingTerminal.print(item, line),
};

async function runProgram(
  words: readonly string[],
  { env, signal }: { readonly env: Readonly<Record<string, string>>; readonly signal: AbortSignal },
): Promise<number> {
  const [command = '', ...args] = words;
  const child = spawn(command, args, { stdio: 'inherit', env: { ...process.env, ...env } });
  const end = (): void => endKindly(child);
  signal.addEventListener('abort', end, { once: true });
  process.on('SIGTERM', end);
  if (signal.aborted) {
    end();
  }
  try {
    return await exitOf(child, command);
  } finally {
    signal.removeEventListener('abort', end);
    process.off('SIGTERM', end);
  }
}

function exitOf(child: ChildProcess, command: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.once('error', (cause) => {
      reject(new HansaError('USAGE', `${command} cannot be run: ${cause.message}`, { cause }));
    });
    child.once('exit', (code, signal) => resolve(code ?? signalExit + numberOf(signal)));
  });
}

function endKindly(child: ChildProcess): void {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), graceMs);
  child.once('exit', () => clearTimeout(timer));
}

function numberOf(signal: NodeJS.Signals | null): number {
  return signal === null ? 0 : (constants.signals[signal] ?? 0);
}
