// Contracts as routes: every method with a `route` gets one. Calls answer with JSON; watches with
// one JSON text per line, `{"item": …}`, and a last line that is `{"end": true}` or `{"error": …}`.
import type { IncomingMessage } from 'node:http';
import {
  HansaError,
  reportOf,
  type AnyContract,
  type Credential,
  type Edge,
} from '@hansa/foundation';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { readJson } from './http-body.ts';
import type { ErrorNeeds } from './http-error.ts';
import { securityHeaders } from './http-guard.ts';
import { createQueryReader, inputSchema, type QueryReader } from './http-query.ts';
import { end, pull, write } from './http-stream.ts';
import type { VisitKind } from './http-visits.ts';

export const watchType = 'application/x-ndjson; charset=utf-8';

export interface RouteNeeds extends ErrorNeeds {
  readonly edge: Edge;
  /** What the door established: source, token, and the caller it proved. */
  credentialOf(request: FastifyRequest): Credential;
  signalOf(reply: FastifyReply, kind: VisitKind): AbortSignal;
}

/** What the door has to know of a route before anybody is believed. */
export interface RouteKind {
  /** Served to those who bring no credential, too. */
  readonly open?: boolean;
  /** Other sites may send a browser here. */
  readonly crossSite?: boolean;
}

interface Seat {
  readonly contract: string;
  readonly method: string;
  readonly hasBody: boolean;
  /** Made with the first request: a start waits for none of three hundred. */
  readonly reader: () => QueryReader;
}

export function addContract(app: FastifyInstance, contract: AnyContract, needs: RouteNeeds): void {
  for (const [method, promise] of Object.entries(contract.methods)) {
    if (promise.route === undefined) {
      continue;
    }
    const { verb, path } = splitRoute(promise.route);
    const seat: Seat = {
      contract: contract.name,
      method,
      hasBody: verb === 'POST' || verb === 'PUT',
      reader: readerOf(promise),
    };
    const answer = promise.watch === true ? answerWatch : answerCall;
    app.route({
      method: verb,
      url: path,
      config: { open: promise.permission === 'open' } satisfies RouteKind,
      handler: (request, reply) => answer({ request, reply, seat, needs }),
    });
  }
}

function readerOf(promise: AnyContract['methods'][string]): () => QueryReader {
  let reader: QueryReader | undefined;
  return () => (reader ??= createQueryReader(inputSchema(promise)));
}

/** `POST /links/:cluster` as its two words. */
export function splitRoute(route: string): { verb: string; path: string } {
  const space = route.indexOf(' ');
  return { verb: route.slice(0, space), path: route.slice(space + 1) };
}

interface Visit {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly seat: Seat;
  readonly needs: RouteNeeds;
}

async function answerCall({ request, reply, seat, needs }: Visit): Promise<FastifyReply> {
  const signal = needs.signalOf(reply, 'call');
  const { contract, method } = seat;
  const input = await inputOf(request, seat, needs);
  const credential = needs.credentialOf(request);
  const output = await needs.edge.call({ contract, method, input, credential, signal });
  reply.headers(securityHeaders);
  return output === undefined
    ? reply.code(204).send()
    : reply.type('application/json; charset=utf-8').send(JSON.stringify(output));
}

async function answerWatch({ request, reply, seat, needs }: Visit): Promise<void> {
  const { clock, limits, log } = needs;
  const signal = needs.signalOf(reply, 'stream');
  const { contract, method } = seat;
  const input = await inputOf(request, seat, needs);
  const credential = needs.credentialOf(request);
  const items = needs.edge
    .watch({ contract, method, input, credential, signal })
    [Symbol.asyncIterator]();

  // A refusal comes at once or never: waiting for the first item alone would leave the client of a
  // quiet watch in doubt whether it stands.
  const timer = new AbortController();
  const first = items.next();
  const enough = clock.sleep(limits.watchStartMs, timer.signal).catch(() => undefined);
  await Promise.race([first, enough]).finally(() => timer.abort());

  reply.hijack();
  const response = reply.raw;
  response.writeHead(200, { ...securityHeaders, 'content-type': watchType });
  response.flushHeaders();
  const needed = { clock, stalledReaderMs: limits.stalledReaderMs, signal };
  let last: object = { end: true };
  try {
    await pull(startingWith(first, items), signal, (item) =>
      write(response, `${JSON.stringify({ item })}\n`, needed),
    );
  } catch (error) {
    if (!(error instanceof HansaError)) {
      log.problem('http.failed', error, { contract, method });
    }
    last = { error: reportOf(error) };
  }
  if (!response.destroyed) {
    response.write(`${JSON.stringify(last)}\n`);
    await end(response, needed);
  }
}

function startingWith<T>(
  first: Promise<IteratorResult<T>>,
  rest: AsyncIterator<T>,
): AsyncIterator<T> {
  let pending: Promise<IteratorResult<T>> | undefined = first;
  return {
    next() {
      const next = pending ?? rest.next();
      pending = undefined;
      return next;
    },
    return: async () => (await rest.return?.()) ?? { done: true, value: undefined },
  };
}

/** Path parameters, and the body or the query, as one input. */
async function inputOf(request: FastifyRequest, seat: Seat, needs: RouteNeeds): Promise<unknown> {
  const sent = seat.hasBody
    ? await readJson(request.raw, needs)
    : seat.reader().read(queryOf(request.raw));
  const named = Object.entries(request.params as Readonly<Record<string, string>>);
  if (sent !== undefined && (typeof sent !== 'object' || sent === null || Array.isArray(sent))) {
    if (named.length > 0) {
      throw new HansaError('INPUT_INVALID', 'the body is not a JSON object');
    }
    return sent;
  }
  const values = named.map(([name, text]) => [name, seat.reader().value(name, text)] as const);
  const twice = values.find(
    ([name, value]) =>
      sent !== undefined && Object.hasOwn(sent, name) && field(sent, name) !== value,
  );
  if (twice !== undefined) {
    throw new HansaError(
      'INPUT_INVALID',
      `"${twice[0]}" is one thing in the path and another beside it`,
    );
  }
  return { ...sent, ...Object.fromEntries(values) };
}

function field(sent: object, name: string): unknown {
  return Reflect.get(sent, name);
}

export function queryOf(request: IncomingMessage): string {
  const url = request.url ?? '';
  const mark = url.indexOf('?');
  return mark < 0 ? '' : url.slice(mark + 1);
}
