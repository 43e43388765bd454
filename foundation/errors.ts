// An error is a sentence for a human and a code for a machine. The register of codes is
// `error-codes.ts`.
import { errorCodes, type ErrorCode, type ErrorCodeEntry } from './error-codes.ts';

export interface ErrorDetails {
  readonly cause?: unknown;
  /** What the reader can do now, as one sentence or command. */
  readonly fix?: string;
  /** Who reported it, where it was not this process: a cluster's name or id. */
  readonly reportedBy?: string;
  /** Facts for a machine: ids, limits, positions. Never a secret. */
  readonly facts?: Readonly<Record<string, string | number | boolean>>;
}

/** The form an error takes on every road: wire, HTTP and CLI carry exactly this. */
export interface ErrorReport {
  readonly code: ErrorCode;
  readonly message: string;
  readonly fix?: string;
  readonly reportedBy?: string;
  readonly facts?: Readonly<Record<string, string | number | boolean>>;
}

export class HansaError extends Error {
  readonly code: ErrorCode;
  readonly fix: string | undefined;
  readonly reportedBy: string | undefined;
  readonly facts: Readonly<Record<string, string | number | boolean>>;

  constructor(code: ErrorCode, message: string, details: ErrorDetails = {}) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'HansaError';
    this.code = code;
    const entry: ErrorCodeEntry = errorCodes[code];
    this.fix = details.fix ?? entry.fix;
    this.reportedBy = details.reportedBy;
    this.facts = details.facts ?? {};
  }
}

export function isHansaError(error: unknown, code?: ErrorCode): error is HansaError {
  return error instanceof HansaError && (code === undefined || error.code === code);
}

/**
 * What may be told to the other side: a code we declared, or INTERNAL without the inner message.
 */
export function reportOf(error: unknown): ErrorReport {
  if (!(error instanceof HansaError)) {
    return { code: 'INTERNAL', message: 'the node failed to answer; its log has the cause' };
  }
  return {
    code: error.code,
    message: error.message,
    ...(error.fix === undefined ? {} : { fix: error.fix }),
    ...(error.reportedBy === undefined ? {} : { reportedBy: error.reportedBy }),
    ...(Object.keys(error.facts).length === 0 ? {} : { facts: error.facts }),
  };
}

/** The error a report stands for; an unknown code (a newer peer's) becomes REMOTE_FAILED. */
export function errorOf(report: {
  code: string;
  message: string;
  fix?: string | undefined;
  reportedBy?: string | undefined;
  facts?: Readonly<Record<string, string | number | boolean>> | undefined;
}): HansaError {
  const known = Object.hasOwn(errorCodes, report.code);
  const code = known ? (report.code as ErrorCode) : 'REMOTE_FAILED';
  const message = known ? report.message : `${report.code}: ${report.message}`;
  return new HansaError(code, message, {
    ...(report.fix === undefined ? {} : { fix: report.fix }),
    ...(report.reportedBy === undefined ? {} : { reportedBy: report.reportedBy }),
    ...(report.facts === undefined ? {} : { facts: report.facts }),
  });
}

/** A broken invariant of ours, never a caller's mistake. */
export function invariant(condition: boolean, message: string): asserts condition {
  if (!condition) {
    throw new Error(`broken invariant: ${message}`);
  }
}
