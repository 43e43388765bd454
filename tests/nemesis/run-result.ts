// What a run is told, and what it tells: a row of the report, and sentences where it has failed.

export interface RunOptions {
  readonly seed: number;
  readonly seconds: number;
  /** Where the history and the logs of a run are kept that found something. */
  readonly keepIn: string;
}

export interface RunResult {
  readonly fault: string;
  readonly seed: number;
  readonly seconds: number;
  readonly strikes: number;
  readonly operations: number;
  readonly acknowledged: number;
  /** Refused with certainty. */
  readonly refused: number;
  readonly unknown: number;
  /** Nothing was acknowledged for so long after a strike. */
  readonly silenceP50Ms: number;
  readonly silenceMaxMs: number;
  /** From when all was whole until copies were equal. */
  readonly convergedMs: number;
  readonly violations: readonly string[];
  /** What else a reader should know. */
  readonly notes: readonly string[];
}
