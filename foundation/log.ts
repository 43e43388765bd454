// One way to log: an event with a low-cardinality name and fields, no prose. Drivers: system-node.

export type LogFields = Readonly<Record<string, string | number | boolean | undefined>>;

export interface Log {
  /** `name` is `noun.verb-in-the-past`, e.g. `link.opened`. Fields never hold a secret. */
  event(name: string, fields?: LogFields): void;
  /** Something is wrong and a person may have to act; `error` is written with its cause. */
  problem(name: string, error: unknown, fields?: LogFields): void;
  /** The same log with these fields on every line. */
  with(fields: LogFields): Log;
}

export const silentLog: Log = {
  event: () => undefined,
  problem: () => undefined,
  with: () => silentLog,
};
