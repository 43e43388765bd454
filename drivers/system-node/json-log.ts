// The log as lines of JSON, one event each: `{"time", "level", "name", ...fields}`. A log must
// never be what fails: whatever cannot be written becomes a line that says so, and a writer that
// throws is ignored.
import { HansaError, type Clock, type Log, type LogFields } from '@hansa/foundation';

/** `event` writes everything; `problem` only what a person may have to act on. */
export type LogLevel = 'event' | 'problem';

export interface JsonLogNeeds {
  /** Takes one line with its line feed. */
  readonly write: (line: string) => void;
  readonly clock: Clock;
  readonly level?: LogLevel;
}

const causesMax = 5; // a chain of causes longer than this repeats itself
const textLengthMax = 8_192; // characters of one field: a stack fits, a payload does not

export function createJsonLog(needs: JsonLogNeeds, fields: LogFields = {}): Log {
  const write = (level: LogLevel, name: string, more: LogFields): void => {
    try {
      const time = new Date(needs.clock.now()).toISOString();
      needs.write(`${lineOf({ ...fields, ...more }, { time, level, name })}\n`);
    } catch {
      // There is nowhere left to tell it.
    }
  };
  return {
    event(name, more = {}) {
      if (needs.level !== 'problem') {
        write('event', name, more);
      }
    },
    problem: (name, error, more = {}) => write('problem', name, { ...more, ...errorFields(error) }),
    with: (more) => createJsonLog(needs, { ...fields, ...more }),
  };
}

// The three own fields come first and cannot be replaced: a field named "time" stays out.
function lineOf(fields: LogFields, own: Readonly<Record<string, string>>): string {
  const line: Record<string, string | number | boolean> = { ...own };
  for (const [key, value] of Object.entries(fields)) {
    if (value !== undefined && !Object.hasOwn(own, key)) {
      line[key] = typeof value === 'string' ? value.slice(0, textLengthMax) : value;
    }
  }
  return escaped(JSON.stringify(line));
}

// JSON escapes C0 by itself. DEL, C1 and the Unicode line separators would still reach a terminal
// or break a line reader.
function escaped(json: string): string {
  return json.replace(
    /[\u007f-\u009f\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function errorFields(error: unknown): LogFields {
  try {
    return describe(error);
  } catch {
    return { message: 'an error that cannot be described' };
  }
}

function describe(error: unknown): LogFields {
  if (!(error instanceof Error)) {
    return { message: textOf(error) };
  }
  const causes = causesOf(error);
  return {
    ...(error instanceof HansaError ? { ...error.facts, code: error.code } : systemCode(error)),
    message: error.message,
    ...(causes.length === 0 ? {} : { cause: causes.join(' <- ') }),
    // The stack of the innermost cause is where it happened.
    stack: stackOf(error),
  };
}

function textOf(thrown: unknown): string {
  if (thrown instanceof Error) {
    return `${thrown.name}: ${thrown.message}`;
  }
  return typeof thrown === 'string' ? thrown : `a thrown ${typeof thrown}`;
}

function systemCode(error: Error): LogFields {
  return 'code' in error ? { code: String(error.code) } : {};
}

function causesOf(error: Error): string[] {
  const causes: string[] = [];
  for (
    let cause = error.cause;
    cause !== undefined && causes.length < causesMax;
    cause = cause instanceof Error ? cause.cause : undefined
  ) {
    causes.push(textOf(cause));
  }
  return causes;
}

function stackOf(error: Error): string {
  let innermost = error;
  for (let i = 0; i < causesMax && innermost.cause instanceof Error; i += 1) {
    innermost = innermost.cause;
  }
  return innermost.stack ?? '';
}
