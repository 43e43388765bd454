// Runs what a person would type, exactly: stock git as processes, and the hansa command as its
// program runs it, loaded once for all of them.
import { spawn } from 'node:child_process';
import { createResidents } from '../resident/residents.ts';
import { DemoFailure } from './failure.ts';
import { quoted, showCommand, showOutput } from './narrator.ts';
import { checkout, type DemoOptions } from './options.ts';

export interface Finished {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Shell {
  /** Shows and runs `npx hansa --context … …`; the JSON it answers. Throws where it fails. */
  hansa(context: string, ...args: string[]): Promise<unknown>;
  /** The same where failing is the point. */
  hansaFailing(context: string, ...args: string[]): Promise<{ code: string; message: string }>;
  /** Quietly: for looking again and again. */
  look(context: string, ...args: string[]): Promise<unknown>;
  /** Shows and runs stock git. */
  git(cwd: string, ...args: string[]): Promise<Finished>;
  /** Without showing it. */
  quietGit(cwd: string, ...args: string[]): Promise<Finished>;
}

const commandWithinMs = 120_000; // as long as one call may take by itself

export function createShell(options: DemoOptions): Shell {
  const environment = { ...process.env, HANSA_HOME: options.home, GIT_TERMINAL_PROMPT: '0' };
  const run = (command: string, args: readonly string[], cwd: string): Promise<Finished> =>
    new Promise((resolve, reject) => {
      const child = spawn(command, args, {
        cwd,
        env: environment,
        stdio: ['ignore', 'pipe', 'pipe'],
      });
      let stdout = '';
      let stderr = '';
      child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text));
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      child.on('error', reject);
      child.on('close', (code) => resolve({ code: code ?? 1, stdout, stderr }));
    });
  const residents = createResidents({
    home: () => checkout,
    environment: () => environment,
    withinMs: commandWithinMs,
  });
  const hansa = (context: string, args: readonly string[]): Promise<Finished> =>
    residents({
      args: ['--context', context, '-o', 'json', ...args],
      cwd: checkout,
      env: environment,
    });
  const typed = (context: string, args: readonly string[]): string =>
    `npx hansa --context ${context} ${quoted(args)}`;
  const answer = (done: Finished, command: string): unknown => {
    if (done.code !== 0) {
      throw new DemoFailure(`"${command}" failed`, { cause: new Error(done.stderr.trim()) });
    }
    return done.stdout.trim() === '' ? undefined : JSON.parse(done.stdout);
  };
  return {
    async hansa(context, ...args) {
      showCommand(typed(context, args));
      return answer(await hansa(context, args), typed(context, args));
    },
    async hansaFailing(context, ...args) {
      showCommand(typed(context, args));
      const done = await hansa(context, args);
      if (done.code === 0) {
        throw new DemoFailure(`"${typed(context, args)}" succeeded, and must not`);
      }
      const report = parseReport(done.stderr);
      showOutput(`${report.message} [${report.code}]`);
      return report;
    },
    look: async (context, ...args) => answer(await hansa(context, args), typed(context, args)),
    async git(cwd, ...args) {
      showCommand(`git ${quoted(args)}`);
      return run('git', args, cwd);
    },
    quietGit: (cwd, ...args) => run('git', args, cwd),
  };
}

/** The last line of what went to stderr: with `-o json` it is the error report. */
function parseReport(stderr: string): { code: string; message: string } {
  const last = stderr.trim().split('\n').at(-1) ?? '';
  try {
    return JSON.parse(last) as { code: string; message: string };
  } catch {
    throw new DemoFailure(`the command failed without a report: ${stderr.trim()}`);
  }
}
