// Files and this process as commands of queues see them: handed in, so that a test can be one.

export interface QueueTerminal {
  /** Who works: a host and a process; nobody else is called so. */
  readonly me: string;
  /** `-` is standard input. */
  read(path: string): Promise<Uint8Array>;
}
