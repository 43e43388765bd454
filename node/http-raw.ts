// The few routes a contract cannot say: streams in and out, any content type. The door has
// authenticated; here the permission is asked, the handler runs, and its outcome goes to the audit.
import {
  HansaError,
  reportOf,
  type Asked,
  type Caller,
  type Gate,
  type HttpRequest,
  type HttpResponse,
  type HttpRoute,
} from '@hansa/foundation';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { rawContract } from './gate.ts';
import { drain, streamBody } from './http-body.ts';
import { queryOf, type RouteKind, type RouteNeeds } from './http-contract.ts';
import { isSecure, securityHeaders, withoutSessions } from './http-guard.ts';
import { end, pull, write } from './http-stream.ts';

export interface RawNeeds extends RouteNeeds {
  readonly gate: Gate;
}

export function addRawRoute(app: FastifyInstance, route: HttpRoute, needs: RawNeeds): void {
  app.route({
    method: route.method,
    url: route.path,
    config: {
      open: route.permission === 'open',
      crossSite: route.crossSite === true,
    } satisfies RouteKind,
    handler: (request, reply) => answer({ request, reply, route, needs }),
  });
}

interface Visit {
  readonly request: FastifyRequest;
  readonly reply: FastifyReply;
  readonly route: HttpRoute;
  readonly needs: RawNeeds;
}

async function answer(visit: Visit): Promise<void> {
  const { request, reply, route, needs } = visit;
  const { source, proven: caller = { kind: 'anonymous' } } = needs.credentialOf(request);
  const asked = askedOf(route, request);
  const method = `${route.method} ${route.path}`;
  const said = { contract: rawContract, method, ...asked, caller, source };
  let begun: string | undefined;
  const record = async (failure?: unknown): Promise<void> => {
    const outcome = failure === undefined ? 'OK' : reportOf(failure).code;
    const fault = outcome === 'INTERNAL' ? { fault: failure } : {};
    await needs.gate.record({ ...said, begun, outcome, ...fault });
  };
  try {
    needs.gate.authorise(caller, asked);
    begun = await needs.gate.begin?.(said);
    await run(visit, caller, asked);
    await record();
  } catch (error) {
    await record(error);
    if (!reply.raw.headersSent) {
      throw error instanceof HansaError
        ? error
        : new HansaError('INTERNAL', reportOf(error).message);
    }
    // The status has gone out: a body that breaks off is all that can still be said.
    reply.raw.destroy();
  }
}

function askedOf(route: HttpRoute, request: FastifyRequest): Asked {
  return route.asked?.(addressOf(request)) ?? { permission: route.permission };
}

async function run(
  { request, reply, route, needs }: Visit,
  caller: Caller,
  asked: Asked,
): Promise<void> {
  const ending = new AbortController();
  const signal = AbortSignal.any([needs.signalOf(reply, 'stream'), ending.signal]);
  const lapsed = (refusal: unknown): void => ending.abort(refusal);
  const letGo = needs.gate.hold?.({ caller, asked, lapsed });
  try {
    const { source, agent } = needs.credentialOf(request);
    const call = { caller, signal, source, agent };
    const given = await route.handle(requestOf(request, needs), call);
    await send(reply, given, { ...needs, signal });
    // What the handler did not want of the body; a client that goes on sending is cut off.
    if (!(await drain(request.raw, needs))) {
      request.raw.destroy();
    }
  } finally {
    letGo?.();
  }
}

async function send(
  reply: FastifyReply,
  given: HttpResponse,
  { clock, limits: { stalledReaderMs }, signal }: RawNeeds & { readonly signal: AbortSignal },
): Promise<void> {
  const { body, status } = given;
  const response = reply.raw;
  const whole = body instanceof Uint8Array;
  const length = whole ? { 'content-length': body.length } : {};
  const needed = { clock, stalledReaderMs, signal };
  const begin = (): void => {
    if (!response.headersSent) {
      reply.hijack();
      response.writeHead(status, { ...securityHeaders, ...given.headers, ...length });
    }
  };
  if (whole) {
    begin();
    response.write(body);
  } else {
    // The head goes out with the first piece: a source that fails at once still gets an honest
    // status.
    await pull(body[Symbol.asyncIterator](), signal, (piece) => {
      begin();
      return write(response, piece, needed);
    });
  }
  begin();
  await end(response, needed);
}

function addressOf(request: FastifyRequest): Pick<HttpRequest, 'params' | 'query'> {
  return {
    params: { ...(request.params as Readonly<Record<string, string>>) },
    query: Object.fromEntries(new URLSearchParams(queryOf(request.raw))),
  };
}

function requestOf(request: FastifyRequest, needs: RawNeeds): HttpRequest {
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.raw.headers)) {
    headers[name] = Array.isArray(value) ? value.join(', ') : (value ?? '');
  }
  // No handler reads a token, and the body it gets is no longer encoded.
  delete headers['authorization'];
  if (headers['cookie'] !== undefined) {
    headers['cookie'] = withoutSessions(headers['cookie']);
  }
  if (headers['content-encoding'] !== undefined) {
    delete headers['content-encoding'];
    delete headers['content-length'];
  }
  return {
    method: request.method,
    ...addressOf(request),
    headers,
    body: streamBody(request.raw, needs),
    secure: isSecure(request.raw),
  };
}
