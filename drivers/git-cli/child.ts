// Running the git program: no shell, an environment of our own, bounded words, and no process that
// outlives the conversation it was started for.
import { spawn, type ChildProcess } from 'node:child_process';
import { PassThrough, Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Socket } from 'node:net';
import { HansaError, utf8 } from '@hansa/foundation';

const wordsBytesMax = 4_096; // of standard error, its end: git's last line says what is fatal
const answerBytesMax = 64 * 1_024 * 1_024; // half a million refs; larger answers are streamed
// what git tells a pusher about the most refs one push may have
const reportBytesMax = 32 * 1_024 * 1_024;
// git removes its quarantine and locks on SIGTERM; that takes milliseconds
const killAfterMs = 2_000;

export type Bytes = AsyncIterable<Uint8Array>;

/** How git is started, and what is running of it. */
export interface GitProgram {
  readonly program: string;
  readonly folder: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly running: Set<GitChild>;
  /** Aborts when the driver is closed: nothing starts any more. */
  readonly closed: AbortSignal;
}

export interface GitRun {
  readonly args: readonly string[];
  readonly environment?: Readonly<Record<string, string>> | undefined;
  readonly input?: Bytes | string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Opens descriptors 3 (from the hook) and 4 (to the hook). */
  readonly withHook?: boolean;
}

export interface GitChild {
  readonly output: Readable;
  readonly fromHook: Socket | undefined;
  readonly toHook: Socket | undefined;
  /** Resolves when the process and all who hold its output have ended; never rejects. */
  readonly ended: Promise<GitEnd>;
  words(): string;
  /** Ends the process and its children. */
  kill(): void;
  /** From now on neither the signal nor `kill` ends it; false where one of them has been before. */
  shield(): boolean;
  unshield(): void;
}

export interface GitEnd {
  readonly code: number | null;
  /** Why it could not start, or why its input broke off. */
  readonly failure?: unknown;
}

export function startGit(git: GitProgram, run: GitRun): GitChild {
  if (run.signal?.aborted === true) {
    throw cancelled(run.signal);
  }
  if (git.closed.aborted) {
    throw new HansaError('SHUTTING_DOWN', 'the git driver is closed');
  }
  const child = spawn(git.program, run.args, {
    cwd: git.folder,
    env: { ...git.environment, ...run.environment },
    stdio: ['pipe', 'pipe', 'pipe', ...(run.withHook === true ? (['pipe', 'pipe'] as const) : [])],
    // A process group of its own: git's children must end with it.
    detached: true,
    windowsHide: true,
  });
  const started = new RunningGit(git, child, run);
  git.running.add(started);
  return started;
}

class RunningGit implements GitChild {
  readonly output: Readable;
  readonly fromHook: Socket | undefined;
  readonly toHook: Socket | undefined;
  readonly ended: Promise<GitEnd>;
  readonly #child: ChildProcess;
  #words = Buffer.alloc(0);
  #failure: unknown;
  #shielded = false;
  #killWanted = false;
  #over = false;
  #killTimer: NodeJS.Timeout | undefined;
  readonly #folder: string;

  constructor(git: GitProgram, child: ChildProcess, run: GitRun) {
    const { stdin, stdout, stderr } = child;
    if (!stdin || !stdout || !stderr) {
      // Node leaves them out where the process has no descriptors left.
      throw new HansaError('GIT_FAILED', 'git could not be started: too many files are open');
    }
    this.#child = child;
    this.#folder = git.folder;
    // A pusher who does not read must not keep git, and with it the repository's refs, waiting.
    this.output =
      run.withHook === true
        ? stdout.pipe(new PassThrough({ highWaterMark: reportBytesMax }))
        : stdout;
    this.fromHook = socketOf(child, 3);
    this.toHook = socketOf(child, 4);
    this.toHook?.resume();
    stderr.on('data', (piece: Buffer) => this.#hear(piece));
    const heedSignal = (): void => this.kill();
    run.signal?.addEventListener('abort', heedSignal, { once: true });
    this.ended = new Promise((resolve) => {
      const end = (code: number | null): void => {
        this.#over = true;
        clearTimeout(this.#killTimer);
        run.signal?.removeEventListener('abort', heedSignal);
        git.running.delete(this);
        resolve({ code, failure: this.#failure });
      };
      child.once('close', end);
      child.once('error', (error) => {
        this.#failure ??= error;
        if (child.pid === undefined) {
          end(null);
        }
      });
    });
    this.#feed(run.input, stdin);
  }

  words(): string {
    // The folder is this machine's business, and callers may show the words to anybody.
    return this.#words.toString('utf8').replaceAll(`${this.#folder}/`, '').trim();
  }

  kill(): void {
    this.#killWanted = true;
    if (this.#shielded || this.#over) {
      return;
    }
    this.#signal('SIGTERM');
    this.#killTimer ??= setTimeout(() => this.#signal('SIGKILL'), killAfterMs);
  }

  shield(): boolean {
    this.#shielded = !this.#killWanted && !this.#over;
    return this.#shielded;
  }

  unshield(): void {
    this.#shielded = false;
    if (this.#killWanted) {
      this.kill();
    }
  }

  #signal(name: 'SIGTERM' | 'SIGKILL'): void {
    const { pid } = this.#child;
    if (pid === undefined) {
      return;
    }
    try {
      process.kill(-pid, name);
    } catch {
      // The group is gone already; `ended` tells.
    }
  }

  #hear(piece: Buffer): void {
    this.#words = Buffer.concat([this.#words, piece]);
    if (this.#words.length > wordsBytesMax) {
      this.#words = this.#words.subarray(-wordsBytesMax);
    }
  }

  #feed(input: Bytes | string | undefined, stdin: NodeJS.WritableStream): void {
    const fail = (error: unknown): void => {
      this.#failure ??= error;
      this.kill();
    };
    const source = typeof input === 'string' || input === undefined ? [utf8(input ?? '')] : input;
    // Git may stop reading when it has seen enough; its exit code says whether that was a failure.
    pipeline(Readable.from(watched(source, fail), { objectMode: false }), stdin).catch(
      () => undefined,
    );
  }
}

/** Node makes sockets of extra 'pipe' descriptors. */
function socketOf(child: ChildProcess, descriptor: 3 | 4): Socket | undefined {
  const socket = child.stdio[descriptor];
  if (!(socket instanceof Socket)) {
    return undefined;
  }
  socket.on('error', () => undefined); // the hook may be gone; git's exit code tells
  return socket;
}

async function* watched(
  source: Bytes | readonly Uint8Array[],
  fail: (error: unknown) => void,
): AsyncGenerator<Uint8Array> {
  try {
    for await (const piece of source) {
      if (piece.length > 0) {
        yield piece;
      }
    }
  } catch (error) {
    fail(error);
    throw error;
  }
}

export interface GitAnswer {
  readonly code: number;
  readonly output: string;
  readonly words: string;
}

/** Runs git to its end and returns what it wrote; throws where it could not run. */
export async function askGit(git: GitProgram, run: GitRun): Promise<GitAnswer> {
  const child = startGit(git, run);
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of child.output) {
    pieces.push(piece);
    bytes += piece.length;
    if (bytes > answerBytesMax) {
      child.kill();
      await child.ended;
      throw new HansaError('GIT_FAILED', `git ${nameOf(run)} answered with too much`, {
        facts: { bytesMax: answerBytesMax },
      });
    }
  }
  const end = await child.ended;
  if (end.code === null || end.failure !== undefined) {
    throw failureOf(run, child, end);
  }
  return { code: end.code, output: Buffer.concat(pieces).toString('utf8'), words: child.words() };
}

/** Like `askGit`, where anything but success is an error. */
export async function tellGit(git: GitProgram, run: GitRun): Promise<string> {
  const answer = await askGit(git, run);
  if (answer.code !== 0) {
    throw gitFailed(run, answer);
  }
  return answer.output;
}

/**
 * What git writes, piece by piece, at the reader's pace. In a `conversation`, git that fails after
 * its first bytes has said so in them (that is its protocol): only silence or a killed process is
 * an error. Of a `result` every byte counts.
 */
export async function* streamGit(
  child: GitChild,
  run: GitRun,
  kind: 'conversation' | 'result',
): AsyncGenerator<Uint8Array> {
  let spoken = false;
  let finished = false;
  try {
    // A closed pipe would end even a shielded git; what nobody reads any more is drained instead.
    for await (const piece of child.output.iterator({ destroyOnReturn: false })) {
      spoken = true;
      yield piece;
    }
    finished = true;
  } finally {
    if (!finished) {
      child.kill();
      child.output.resume();
    }
    await child.ended;
  }
  const end = await child.ended;
  const excused = kind === 'conversation' && spoken && end.code !== null;
  if (end.failure !== undefined || (end.code !== 0 && !excused)) {
    throw failureOf(run, child, end);
  }
}

export function failureOf(run: GitRun, child: GitChild, end: GitEnd): HansaError {
  if (run.signal?.aborted === true) {
    return cancelled(run.signal);
  }
  const { failure } = end;
  if (failure instanceof HansaError) {
    return failure;
  }
  if (failure instanceof Error && 'code' in failure && failure.code === 'ENOENT') {
    return new HansaError('GIT_MISSING', 'the git program was not found', { cause: failure });
  }
  return gitFailed(run, { code: end.code, words: child.words(), cause: failure });
}

function cancelled({ reason }: AbortSignal): HansaError {
  return reason instanceof HansaError
    ? reason
    : new HansaError('CANCELLED', 'the conversation with git was cancelled', { cause: reason });
}

export function gitFailed(
  run: GitRun,
  { code, words, cause }: { code: number | null; words: string; cause?: unknown },
): HansaError {
  if (/No space left on device/.test(words)) {
    return new HansaError('DISK_FULL', 'the disk is full; git could not write', { cause });
  }
  const lastLine = words.split('\n').at(-1) ?? '';
  const how = code === null ? 'did not finish' : 'failed';
  return new HansaError('GIT_FAILED', `git ${nameOf(run)} ${how}${lastLine && `: ${lastLine}`}`, {
    cause,
    facts: { command: nameOf(run), words, ...(code === null ? {} : { exit: code }) },
  });
}

function nameOf(run: GitRun): string {
  return run.args.find((arg) => !arg.startsWith('-')) ?? 'git';
}
