// What happened in a simulation, in order: enough to tell two runs apart, and to read what led to a
// failure. The hash of two runs of one seed is the same, or something in them is not deterministic.
import {
  isHansaError,
  toHex,
  utf8,
  type Crypto,
  type Log,
  type LogFields,
} from '@hansa/foundation';

export interface TraceEvent {
  readonly atMs: number;
  readonly cluster: string;
  readonly what: string;
}

export interface Trace {
  add(cluster: string, what: string): void;
  /** A log whose lines are events here, while its process lives. */
  log(cluster: string, alive: () => boolean): Log;
  readonly events: readonly TraceEvent[];
  /** Something that is too frequent to be an event: it counts for the hash alone. */
  mix(number: number): void;
  /** BLAKE3 over all events so far and all that was mixed in, hex. */
  hash(): string;
}

export function createTrace(needs: {
  readonly crypto: Crypto;
  nowMs(): number;
  /** Where a person reads along. */
  readonly print?: ((line: string) => void) | undefined;
}): Trace {
  const events: TraceEvent[] = [];
  let mixed = 0;
  const add = (cluster: string, what: string): void => {
    const event = { atMs: Math.round(needs.nowMs()), cluster, what };
    events.push(event);
    needs.print?.(traceLine(event));
  };
  const log = (cluster: string, alive: () => boolean, base: LogFields = {}): Log => ({
    event(name, fields) {
      if (alive()) {
        add(cluster, `${name} ${fieldsText({ ...base, ...fields })}`);
      }
    },
    problem(name, error, fields) {
      if (alive()) {
        const code = isHansaError(error) ? `${error.code}: ${error.message}` : String(error);
        add(cluster, `${name} ${fieldsText({ ...base, ...fields })} ${code}`);
      }
    },
    with: (fields) => log(cluster, alive, { ...base, ...fields }),
  });
  return {
    add,
    events,
    mix(number) {
      // MurmurHash3's step: enough to tell two runs apart.
      const scattered = Math.imul(Math.imul(number, 0xcc9e2d51) ^ (number >>> 17), 0x1b873593);
      mixed = Math.imul((mixed ^ scattered) << 13, 5) + ((mixed ^ scattered) >>> 19);
    },
    log: (cluster, alive) => log(cluster, alive),
    hash() {
      const hasher = needs.crypto.hasher();
      for (const event of events) {
        hasher.update(utf8(`${traceLine(event)}\n`));
      }
      hasher.update(utf8(String(mixed)));
      return toHex(hasher.digest());
    },
  };
}

export function traceLine({ atMs, cluster, what }: TraceEvent): string {
  return `${(atMs / 1_000).toFixed(3).padStart(9)}  ${cluster.padEnd(7)} ${what}`;
}

function fieldsText(fields: LogFields): string {
  return Object.entries(fields)
    .filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${shortened(String(value))}`)
    .join(' ');
}

/** Keys and hashes by their beginning: a trace is read by people. */
function shortened(text: string): string {
  return text.replaceAll(/[0-9a-f]{64}/g, (hex) => hex.slice(0, 8));
}
