// Files and standard streams as the commands need them: handed in, so that a test can be one.

/** What a command needs of a terminal besides its context. */
export interface DocumentTerminal {
  /** The bytes of a file; `-` is standard input. */
  read(path: string): Promise<Uint8Array>;
  /** One item now: a line for people; with -o json, its JSON on a line of its own. */
  print(item: unknown, line: string): Promise<void>;
}
