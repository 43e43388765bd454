// Errors as HTTP: the report as JSON with the register's status; for stock git, which shows only
// plain text to its user, the same as sentences.
import {
  errorCodes,
  HansaError,
  reportOf,
  type ErrorCodeEntry,
  type ErrorReport,
  type Log,
} from '@hansa/foundation';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { drain, type BodyNeeds } from './http-body.ts';
import { challenge, securityHeaders } from './http-guard.ts';

export interface ErrorNeeds extends BodyNeeds {
  readonly log: Log;
}

export async function answerError(
  error: unknown,
  { request, reply, needs }: { request: FastifyRequest; reply: FastifyReply; needs: ErrorNeeds },
): Promise<void> {
  const told = asOurs(error);
  if (told === undefined) {
    needs.log.problem('http.failed', error, { method: request.method, route: routeOf(request) });
  }
  const report = reportOf(told ?? error);
  // A client that still sends would not hear the answer if the connection were closed in its face.
  const drained = await drain(request.raw, needs);
  const asText = request.headers['user-agent']?.startsWith('git/') === true;
  reply
    .code(statusOf(report))
    .headers(securityHeaders)
    .headers(hintsOf(report))
    .headers(drained ? {} : { connection: 'close' })
    .type(asText ? 'text/plain; charset=utf-8' : 'application/json; charset=utf-8')
    .send(asText ? sentences(report) : JSON.stringify(report));
}

/** The error where its text may be told; undefined where it is a fault of ours. */
function asOurs(error: unknown): HansaError | undefined {
  if (error instanceof HansaError) {
    return error;
  }
  // The framework's own refusals: an escape that is no UTF-8, a content type that is none.
  const status = error instanceof Error && 'statusCode' in error ? error.statusCode : 500;
  return error instanceof Error && typeof status === 'number' && status < 500
    ? new HansaError('INPUT_INVALID', `the request is malformed: ${error.message}`)
    : undefined;
}

export function statusOf(report: ErrorReport): number {
  const entry: ErrorCodeEntry = errorCodes[report.code];
  return entry.status;
}

const retryAfterDefault = 1; // seconds; who limits without a known end is busy for a moment

function hintsOf(report: ErrorReport): Record<string, string> {
  const limited = statusOf(report) === 429 ? retryAfterDefault : undefined;
  const retryAfter = report.facts?.['retryAfterSeconds'] ?? limited;
  return {
    ...(report.code === 'UNAUTHENTICATED' ? { 'www-authenticate': challenge } : {}),
    ...(retryAfter === undefined ? {} : { 'retry-after': String(retryAfter) }),
  };
}

function sentences({ code, message, fix }: ErrorReport): string {
  return `${message} [${code}]\n${fix === undefined ? '' : `fix: ${fix}\n`}`;
}

// The pattern, never the path: a path may hold what no log should.
function routeOf(request: FastifyRequest): string {
  return request.routeOptions.url ?? 'none';
}
