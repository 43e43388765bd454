// Standard input and output as commands that last see them: handed in, so that a test can be one.

/** What a command that lasts needs of a terminal besides its context. */
export interface StreamTerminal {
  /** Whole lines of standard input, as many at once as have come, until it ends. */
  lines(): AsyncIterable<readonly string[]>;
  /** One item now: a line for people; with -o json, its JSON on a line of its own. */
  print(item: unknown, line: string): Promise<void>;
}
