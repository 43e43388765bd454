// How a failure is told: a sentence with its code, the cause, the fix; for programs the report as
// JSON or YAML.
import { errorCodes, HansaError, reportOf, type ErrorCodeEntry } from '@hansa/foundation';
import { stringify } from 'yaml';
import { fixInContext } from './next-commands.ts';
import type { OutputFormat, Palette } from './rendering.ts';

const causesMax = 3; // further ones repeat themselves

export interface Telling {
  readonly format: OutputFormat;
  readonly colours: Palette;
  /** As it was typed: what is proposed goes to the same cluster. */
  readonly context?: string | undefined;
}

export function tellFailure(error: unknown, { format, colours, context }: Telling): string {
  if (format === 'json') {
    return `${JSON.stringify(reportForPrograms(error))}\n`;
  }
  if (format === 'yaml') {
    return stringify(reportForPrograms(error));
  }
  const failure = asHansaError(error);
  const by = failure.reportedBy === undefined ? '' : ` (reported by ${failure.reportedBy})`;
  const lines = [
    `${colours.red('error:')} ${failure.message} [${failure.code}]${by}`,
    ...causesOf(failure).map((cause) => `cause: ${cause}`),
    ...(failure.fix === undefined ? [] : [`fix: ${fixOf(failure, failure.fix, context)}`]),
  ];
  return `${lines.join('\n')}\n`;
}

/** Of what another side reports, the fix is for there; of a context that is not, for none. */
function fixOf(failure: HansaError, fix: string, context: string | undefined): string {
  const elsewhere = failure.reportedBy !== undefined || failure.code === 'CONTEXT_NOT_FOUND';
  return elsewhere ? fix : fixInContext(fix, context);
}

export function exitCodeOf(error: unknown): number {
  const entry: ErrorCodeEntry = errorCodes[asHansaError(error).code];
  return entry.exit;
}

/** What the parser has against the command line, as a failure like every other. */
export function usageFailure(message: string): HansaError {
  const [sentence = '', ...rest] = message
    .replace(/^error: /, '')
    .trim()
    .split('\n');
  const [, suggestion] = /Did you mean (.+?)\?/.exec(rest.join(' ')) ?? [];
  return new HansaError('USAGE', sentence, {
    fix:
      suggestion === undefined
        ? 'add --help to see what is understood'
        : `did you mean ${suggestion}?`,
  });
}

/** Where a failure and its causes were thrown; shown with --verbose only. */
export function stacksOf(error: unknown): string {
  const stacks: string[] = [];
  let one = error;
  while (one instanceof Error && stacks.length <= causesMax) {
    stacks.push(one.stack ?? one.message);
    one = one.cause;
  }
  return stacks.length === 0 ? '' : `${stacks.join('\ncaused by ')}\n`;
}

function reportForPrograms(error: unknown): unknown {
  return reportOf(asHansaError(error));
}

export function asHansaError(error: unknown): HansaError {
  if (error instanceof HansaError) {
    return error;
  }
  const message = error instanceof Error ? error.message : String(error);
  return new HansaError(isOfFullDisk(error) ? 'DISK_FULL' : 'INTERNAL', message, { cause: error });
}

/** Whatever was being written: that there is no room is what a person has to know. */
function isOfFullDisk(error: unknown): boolean {
  return error instanceof Error && 'code' in error && fullDiskCodes.has(error.code);
}

const fullDiskCodes: ReadonlySet<unknown> = new Set(['ENOSPC', 'EDQUOT']);

/** In words, outermost first, within a bound. */
export function causesOf(error: Error): readonly string[] {
  const causes: string[] = [];
  let { cause } = error;
  while (cause instanceof Error && causes.length < causesMax) {
    if (cause.message !== error.message && !causes.includes(cause.message)) {
      causes.push(cause.message);
    }
    cause = cause.cause;
  }
  return causes;
}
