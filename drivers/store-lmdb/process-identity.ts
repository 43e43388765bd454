// Which process a pid means. Pids are reused, and after a reboot even with the same start time, so
// an identity is the pid with the boot and the moment in which the process started.
import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

export interface ProcessIdentity {
  readonly pid: number;
  /** Boot and start time, opaque: only compared. */
  readonly started: string;
}

const startTimeField = 19; // of /proc/<pid>/stat, counted from the state: proc(5), field 22
const run = promisify(execFile);

export async function describeProcess(pid: number): Promise<ProcessIdentity> {
  return { pid, started: (await startOf(pid)) ?? '' };
}

/**
 * False where the process ended, also where another has its pid now, or only its parent's wait is
 * left.
 */
export async function isSameProcess(identity: ProcessIdentity): Promise<boolean> {
  const { pid, started } = identity;
  return started === '' ? isRunning(pid) : (await startOf(pid)) === started;
}

/** All that is left to ask where the system does not tell when a process started. */
function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

async function startOf(pid: number): Promise<string | undefined> {
  try {
    const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8');
    return await startOnLinux(pid, boot.trim());
  } catch {
    return startElsewhere(pid);
  }
}

async function startOnLinux(pid: number, boot: string): Promise<string | undefined> {
  const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => undefined);
  if (stat === undefined) {
    return undefined;
  }
  // The name in brackets may itself hold brackets and spaces: the last one closes it.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const isOver = fields[0] === 'Z' || fields[0] === 'X';
  return isOver ? undefined : `${boot} ${fields[startTimeField] ?? ''}`;
}

async function startElsewhere(pid: number): Promise<string | undefined> {
  try {
    const { stdout } = await run('ps', ['-o', 'lstart=', '-p', String(pid)]);
    return stdout.trim() === '' ? undefined : stdout.trim();
  } catch {
    return undefined; // ps fails where there is no such process
  }
}
