// `hansa lock …` and `hansa semaphore …`.
import type { Command } from '@hansa/foundation';
import { lockCommands, type LockTerminal } from './cli-locks.ts';
import { semaphoreCommands } from './cli-semaphores.ts';

export type { LockTerminal } from './cli-locks.ts';

export function locksCommands(terminal: LockTerminal): readonly Command[] {
  return [...lockCommands(terminal), ...semaphoreCommands(terminal)];
}
