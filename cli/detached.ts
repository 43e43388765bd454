// `hansa up --detach`: a node as a process of its own. What it has to say of its start comes back
// over a channel between the two, and is shown as a node in the foreground shows it; the log of the
// data folder is the running node's alone.
import { spawn, type ChildProcess } from 'node:child_process';
import { openSync } from 'node:fs';
import { join } from 'node:path';
import { errorOf, HansaError } from '@hansa/foundation';
import { z } from 'zod';
import { asHansaError, causesOf } from './failure.ts';

export interface DetachedNeeds {
  /** Absolute. */
  readonly data: string;
  /** What the cluster is known as here. */
  readonly context: string | undefined;
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly print: (line: string) => void;
}

/** How a start ended: lines for people, or why it failed. */
export type StartTold = { readonly up: readonly string[] } | { readonly failed: unknown };

/** The process that waits for this one's start. */
export interface WaitingParent {
  tell(how: StartTold): Promise<void>;
}

const detachedReadyMs = 20_000; // a first start makes keys and opens a store; it takes a second
const parentVariable = 'HANSA_STARTED_BY'; // the waiting process; its own children are not meant
const facts = z.record(z.string(), z.union([z.string(), z.number(), z.boolean()]));
const toldSchema = z.union([
  z.object({ up: z.array(z.string()) }),
  z.object({
    failed: z.object({
      code: z.string(),
      message: z.string(),
      fix: z.string().optional(),
      facts: facts.optional(),
      causes: z.array(z.string()),
    }),
  }),
]);

/** Undefined where nobody waits: this is a node in the foreground. */
export function waitingParent(): WaitingParent | undefined {
  const { send } = process;
  if (send === undefined || process.env[parentVariable] !== String(process.ppid)) {
    return undefined;
  }
  return {
    async tell(how) {
      if (process.connected) {
        // One that has given up waiting is not told.
        await new Promise<void>((told) => void send.call(process, messageOf(how), () => told()));
        process.disconnect();
      }
    },
  };
}

function messageOf(how: StartTold): z.infer<typeof toldSchema> {
  if ('up' in how) {
    return { up: [...how.up] };
  }
  const failure = asHansaError(how.failed);
  const { code, message, fix } = failure;
  return { failed: { code, message, fix, facts: failure.facts, causes: [...causesOf(failure)] } };
}

/** Resolves with the exit code when the node answers; fails as it failed. */
export async function startDetached(needs: DetachedNeeds): Promise<number> {
  const { makeDataFolder } = await import('@hansa/node');
  await makeDataFolder(needs.data);
  const logFile = join(needs.data, 'node.log');
  const child = spawnNode(needs, logFile);
  const told = await firstWord(child);
  // The command ends also where the node never gets ready, and its log is there to read.
  child.unref();
  if (child.connected) {
    child.disconnect();
  }
  if (typeof told === 'string') {
    const what = told === 'late' ? 'does not answer yet' : 'ended while it started';
    throw new HansaError('NODE_UNREACHABLE', `the node ${what}`, { fix: `read ${logFile}` });
  }
  if ('failed' in told) {
    throw failureOf(told.failed);
  }
  for (const line of told.up) {
    needs.print(line);
  }
  needs.print(`up in the background, process ${child.pid ?? 0}; log in ${logFile}`);
  return 0;
}

function spawnNode({ data, context, flags }: DetachedNeeds, logFile: string): ChildProcess {
  const log = openSync(logFile, 'a', 0o600);
  // Said anew and not passed on: in `-vd` the child would find that it is to detach, and so would
  // its child, without end.
  const said = Object.entries(flags).flatMap(([flag, value]) =>
    value === undefined ? [] : [`--${flag}=${value}`],
  );
  const known = context === undefined ? [] : [`--context=${context}`];
  const words = [process.argv[1] ?? '', ...known, 'up', `--data=${data}`, ...said];
  return spawn(process.execPath, [...process.execArgv, ...words], {
    detached: true,
    stdio: ['ignore', log, log, 'ipc'],
    env: { ...process.env, [parentVariable]: String(process.pid) },
  });
}

type Told = z.infer<typeof toldSchema>;

function firstWord(child: ChildProcess): Promise<Told | 'ended' | 'late'> {
  return new Promise((resolve) => {
    const late = setTimeout(() => resolve('late'), detachedReadyMs);
    const answer = (told: Told | 'ended'): void => {
      clearTimeout(late);
      resolve(told);
    };
    child.once('message', (message) => answer(toldSchema.parse(message)));
    child.once('exit', () => answer('ended'));
    child.once('error', () => answer('ended'));
  });
}

function failureOf({
  causes,
  ...report
}: Extract<Told, { failed: unknown }>['failed']): HansaError {
  const failure = errorOf(report);
  const cause = causes.reduceRight<Error | undefined>(
    (inner, message) => new Error(message, inner === undefined ? {} : { cause: inner }),
    undefined,
  );
  if (cause !== undefined) {
    failure.cause = cause;
  }
  return failure;
}
