// How a command asks for what nobody may see: the host of the commands has the terminal.

export interface LoginTerminal {
  /** Typed without echo, or the next line of standard input. */
  secret(question: string, fromInput: boolean): Promise<string>;
}
