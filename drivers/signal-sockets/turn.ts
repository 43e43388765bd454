// What is sent while the process works through what has arrived is written out at the end of that
// turn: one write for each connection, however many frames it was given.

export interface Flushing {
  flush(): void;
}

/** One for all connections of a listener, so that a turn costs one wake-up. */
export class Turn {
  #waiting: Flushing[] = [];

  add(line: Flushing): void {
    this.#waiting.push(line);
    if (this.#waiting.length === 1) {
      setImmediate(() => this.#run());
    }
  }

  #run(): void {
    const waiting = this.#waiting;
    this.#waiting = [];
    for (const line of waiting) {
      line.flush();
    }
  }
}
