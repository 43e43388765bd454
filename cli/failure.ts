// How a failure is told: a sentence with its code, the cause, the fix; for programs the report as JSON.
import { errorCodes, HansaError, reportOf, type ErrorCodeEntry } from '@hansa/foundation';
import type { OutputFormat, Palette } from './rendering.ts';

const causesMax = 3; // further ones repeat themselves

export function tellFailure(error: unknown, format: OutputFormat, colours: Palette): string {
  if (format !== 'table') {
    return `${JSON.stringify(reportForPrograms(error))}\n`;
  }
  const failure = asHansaError(error);
  const by = failure.reportedBy === undefined ? '' : ` (reported by ${failure.reportedBy})`;
  const lines = [
    `${colours.red('error:')} ${failure.message} [${failure.code}]${by}`,
    ...causesOf(failure).map((cause) => `cause: ${cause}`),
    ...(failure.fix === undefined ? [] : [`fix: ${failure.fix}`]),
  ];
  return `${lines.join('\n')}\n`;
}

export function exitCodeOf(error: unknown): number {
  const entry: ErrorCodeEntry = errorCodes[asHansaError(error).code];
  return entry.exit;
}

function reportForPrograms(error: unknown): unknown {
  return reportOf(asHansaError(error));
}

function asHansaError(error: unknown): HansaError {
  if (error instanceof HansaError) {
    return error;
  }
  const message = error instanceof Error ? error.message : String(error);
  return new HansaError('INTERNAL', message, { cause: error });
}

function causesOf(error: Error): readonly string[] {
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
