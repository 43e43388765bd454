// Bodies of requests: read whole as JSON within a bound and a time, or handed on as a stream that
// may last but not pause; and what is left of one when the answer comes early.
import type { IncomingMessage } from 'node:http';
import { pipeline, Readable } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { abortable, deadline, HansaError, type Clock } from '@hansa/foundation';
import type { HttpLimits } from './http-limits.ts';

export interface BodyNeeds {
  readonly clock: Clock;
  readonly limits: HttpLimits;
}

/** The body's JSON value; undefined where there is no body. */
export async function readJson(request: IncomingMessage, needs: BodyNeeds): Promise<unknown> {
  const bytes = await readWhole(request, needs);
  if (bytes.length === 0) {
    return undefined;
  }
  // A page of another origin can send text/plain and forms without asking; JSON it cannot.
  if (!/^application\/json\s*(?:;|$)/i.test(request.headers['content-type'] ?? '')) {
    throw new HansaError('INPUT_INVALID', 'the body is not declared as application/json', {
      fix: 'send "Content-Type: application/json"',
    });
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch (error) {
    throw new HansaError('INPUT_INVALID', 'the body is not JSON in UTF-8', { cause: error });
  }
}

async function readWhole(request: IncomingMessage, { clock, limits }: BodyNeeds): Promise<Buffer> {
  const { jsonBytesMax, jsonBodyMs } = limits;
  if (Number(request.headers['content-length'] ?? 0) > jsonBytesMax) {
    throw tooLarge('a JSON body', jsonBytesMax);
  }
  const late = (): HansaError =>
    new HansaError('TIMED_OUT', `the body did not arrive within ${jsonBodyMs / 1_000} s`);
  const { signal, done } = deadline(clock, jsonBodyMs, { reason: late });
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of pieces(request, () => signal)) {
      size += part.length;
      if (size > jsonBytesMax) {
        throw tooLarge('a JSON body', jsonBytesMax);
      }
      parts.push(part);
    }
  } finally {
    done();
  }
  return Buffer.concat(parts);
}

/** The body in pieces, gunzipped where it says so; read at the reader's pace. */
export function streamBody(request: IncomingMessage, needs: BodyNeeds): AsyncIterable<Uint8Array> {
  const encoding = (request.headers['content-encoding'] ?? 'identity').toLowerCase();
  if (encoding === 'identity') {
    return patientPieces(request, needs);
  }
  if (encoding !== 'gzip' && encoding !== 'x-gzip') {
    throw new HansaError('INPUT_INVALID', `a body in content encoding "${encoding}" is not read`, {
      fix: 'send it as it is, or with gzip',
    });
  }
  return gunzipped(request, needs);
}

async function* patientPieces(
  request: IncomingMessage,
  { clock, limits: { bodyIdleMs } }: BodyNeeds,
): AsyncGenerator<Uint8Array> {
  const late = (): HansaError =>
    new HansaError('TIMED_OUT', `nothing of the body came for ${bodyIdleMs / 1_000} s`);
  let end = (): void => undefined;
  // A clock for each wait, so that only the client's pauses count and never our own.
  const perWait = (): AbortSignal => {
    end();
    const { signal, done } = deadline(clock, bodyIdleMs, { reason: late });
    end = done;
    return signal;
  };
  try {
    for await (const part of pieces(request, perWait)) {
      end();
      yield part;
    }
  } finally {
    end();
  }
}

async function* gunzipped(request: IncomingMessage, needs: BodyNeeds): AsyncGenerator<Uint8Array> {
  const gunzip = createGunzip();
  let failure: unknown;
  const source = Readable.from(patientPieces(request, needs), { objectMode: false });
  pipeline(source, gunzip, (error) => (failure ??= error ?? undefined));
  let size = 0;
  try {
    for await (const part of gunzip) {
      size += part.length;
      if (size > needs.limits.gunzippedBytesMax) {
        throw tooLarge('a gunzipped body', needs.limits.gunzippedBytesMax);
      }
      yield part;
    }
  } catch (error) {
    if (error instanceof HansaError || failure instanceof HansaError) {
      throw error instanceof HansaError ? error : failure;
    }
    throw new HansaError('INPUT_INVALID', 'the body is not whole gzip', { cause: error });
  }
}

/**
 * Each piece within the signal that `waitFor` gives for it; a reader who leaves leaves the socket
 * open.
 */
async function* pieces(
  request: IncomingMessage,
  waitFor: () => AbortSignal,
): AsyncGenerator<Buffer> {
  const iterator = request.iterator({ destroyOnReturn: false });
  try {
    for (;;) {
      const result = await abortable(iterator.next(), waitFor());
      if (result.done === true) {
        return;
      }
      yield result.value;
    }
  } catch (error) {
    throw error instanceof HansaError
      ? error
      : new HansaError('CANCELLED', 'the body broke off', { cause: error });
  } finally {
    // Not awaited: while a piece is still outstanding it would wait for the client.
    iterator.return?.().catch(() => undefined);
  }
}

/**
 * Reads and drops what a client still sends, so that it can hear the answer and use the connection
 * again. False where it sends too much or too slowly: then the connection has to be closed.
 */
export async function drain(request: IncomingMessage, needs: BodyNeeds): Promise<boolean> {
  if (request.complete || request.destroyed) {
    return request.complete;
  }
  const { drainBytesMax, drainMs } = needs.limits;
  const timer = new AbortController();
  let size = 0;
  const ended = new Promise<void>((resolve) => {
    request.on('data', (part: Buffer) => {
      size += part.length;
      if (size > drainBytesMax) {
        request.pause();
        resolve();
      }
    });
    request.once('end', resolve).once('close', resolve).resume();
  });
  await Promise.race([ended, needs.clock.sleep(drainMs, timer.signal).catch(() => undefined)]);
  timer.abort();
  request.pause();
  return request.complete;
}

function tooLarge(what: string, bytesMax: number): HansaError {
  return new HansaError('INPUT_TOO_LARGE', `${what} may have ${bytesMax} bytes`, {
    facts: { bytesMax },
  });
}
