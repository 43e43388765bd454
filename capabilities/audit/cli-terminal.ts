// Time, files and standard output as the commands need them: handed in, so that a test can be one.
import type { CommandOutput } from '@hansa/foundation';

/** What a command needs of a terminal besides its context. */
export interface AuditTerminal {
  /** One item now: a line for people; with -o json, its JSON on a line of its own. */
  print(item: unknown, line: string): Promise<void>;
  /** `2026-01-31T12:00:00Z`, or `90d` for so long ago; USAGE on what is neither. */
  moment(text: string): number;
  /** A new file of lines; INPUT_INVALID where it cannot be written, or is there already. */
  create(path: string): Promise<{ line(text: string): Promise<void>; close(): Promise<void> }>;
  /** Evidence in a file, by the program that shares no code with a node. */
  verifyFile(path: string): Promise<CommandOutput>;
}
