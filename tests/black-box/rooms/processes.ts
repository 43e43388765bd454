// What the system says of processes: which belong to a folder, and how much memory one ever took.
import { existsSync, readdirSync, readFileSync } from 'node:fs';

/** Only Linux tells it this way; tests that need it are skipped elsewhere. */
export const procIsHere: boolean = existsSync('/proc/self/status');

/** Processes, zombies left out, whose command line names the text: a folder of this test alone. */
export function processesNaming(text: string): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => pid !== process.pid && fileOf(pid, 'cmdline').includes(text));
}

/** The most memory that the process ever had in use, in bytes. */
export function peakBytes(pid: number): number {
  return kibibytesOf(pid, 'VmHWM') * 1_024;
}

/** The memory that the process has in use, in bytes. */
export function residentBytes(pid: number): number {
  return kibibytesOf(pid, 'VmRSS') * 1_024;
}

function kibibytesOf(pid: number, field: 'VmHWM' | 'VmRSS'): number {
  const found = new RegExp(`^${field}:\\s+(\\d+) kB$`, 'm').exec(fileOf(pid, 'status'));
  if (found === null) {
    throw new Error(`process ${pid} does not run`);
  }
  return Number(found[1]);
}

/** Empty where the process has ended meanwhile. */
function fileOf(pid: number, name: 'cmdline' | 'status'): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}
