// The HTTP road: every contract's routes, the few raw ones, health and the API's own description,
// behind one door that limits and authenticates before a byte of a body is read.
import type { IncomingMessage, RequestListener, Server } from 'node:http';
import {
  HansaError,
  invariant,
  type Caller,
  type Clock,
  type Credential,
  type Edge,
  type Gate,
  type HttpRoute,
  type Log,
} from '@hansa/foundation';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { addContract } from './http-contract.ts';
import { answerError } from './http-error.ts';
import { createGuard, credentialOf, securityHeaders } from './http-guard.ts';
import { httpLimits, type HttpLimits } from './http-limits.ts';
import { createBoundedServer, listenTcp, listenUnix, type ListenAddress } from './http-listen.ts';
import { addRawRoute, type RawNeeds } from './http-raw.ts';
import { createVisits, type Visits } from './http-visits.ts';
import { openApi } from './openapi.ts';

export interface HttpNeeds {
  readonly edge: Edge;
  readonly routes: readonly HttpRoute[];
  readonly gate: Gate;
  readonly listen: ListenAddress;
  readonly socketPath?: string;
  readonly log: Log;
  readonly clock: Clock;
  readonly version: string;
  /** Names besides loopback that may stand in the Host header. */
  readonly hosts?: readonly string[];
  readonly limits?: HttpLimits;
  /** When a caller's requests have to end early: its token runs out, or is revoked. */
  readonly lapse?: (caller: Caller) => Lapse | undefined;
}

export interface Lapse {
  readonly signal: AbortSignal;
  /** Lets go of it. */
  done(): void;
}

export interface HttpRoad {
  readonly address: ListenAddress;
  /** Ends streams at once and calls after a grace; resolves when every socket is closed. */
  close(): Promise<void>;
}

export async function openHttp(needs: HttpNeeds): Promise<HttpRoad> {
  const limits = needs.limits ?? httpLimits;
  const visits = createVisits(needs.clock);
  const { app, handler } = createApp(limits);
  addDoor(app, needs, { limits, visits });
  await app.ready();

  const servers: Server[] = [];
  const open = (): Server => {
    const server = createBoundedServer(handler, limits);
    servers.push(server);
    return server;
  };
  const close = async (): Promise<void> => {
    const closed = servers.map(closeServer);
    await visits.end(limits.closeGraceMs);
    servers.forEach((server) => server.closeAllConnections());
    await Promise.all(closed);
    await app.close();
  };
  try {
    const address = await listenTcp(open(), needs.listen);
    if (needs.socketPath !== undefined) {
      await listenUnix(open(), needs.socketPath);
    }
    return { address, close };
  } catch (error) {
    await close();
    throw error;
  }
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // The error of a server that never listened is the one that is being thrown already.
    server.close(() => resolve());
  });
}

function createApp(limits: HttpLimits): { app: FastifyInstance; handler: RequestListener } {
  let handler: RequestListener | undefined;
  const app = Fastify({
    logger: false,
    exposeHeadRoutes: false, // a HEAD would open a watch to throw its lines away
    routerOptions: { maxParamLength: limits.paramLengthMax },
    // The framework's own server never listens: two of ours share its handler.
    serverFactory(given) {
      handler = given;
      return createBoundedServer(given, limits);
    },
  });
  invariant(handler !== undefined, 'the framework asked for no server');
  // Bodies are read by the handlers, after the door and within our own bounds.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser('*', (_request, _payload, done) => done(null));
  return { app, handler };
}

function addDoor(
  app: FastifyInstance,
  needs: HttpNeeds,
  { limits, visits }: { limits: HttpLimits; visits: Visits },
): void {
  const { edge, gate, clock, log, version } = needs;
  const guard = createGuard([needs.listen.host, ...(needs.hosts ?? [])]);
  const known = new WeakMap<IncomingMessage, Credential>();
  const routeNeeds: RawNeeds = {
    edge,
    gate,
    clock,
    log,
    limits,
    credentialOf: (request) => known.get(request.raw) ?? { source: 'unknown' },
    signalOf(reply, kind) {
      const signal = visits.open(reply.raw, kind);
      const caller = known.get(reply.request.raw)?.proven;
      const lapse = caller === undefined ? undefined : needs.lapse?.(caller);
      if (lapse === undefined) {
        return signal;
      }
      reply.raw.once('close', () => lapse.done());
      return AbortSignal.any([signal, lapse.signal]);
    },
  };
  app.setErrorHandler((error, request, reply) =>
    answerError(error, { request, reply, needs: routeNeeds }),
  );
  app.addHook('onRequest', async (request: FastifyRequest) => {
    if (visits.closing) {
      throw new HansaError('SHUTTING_DOWN', 'the node is stopping');
    }
    guard(request.raw);
    const credential = credentialOf(request.raw);
    gate.admit(credential);
    if (request.routeOptions.url !== healthPath) {
      const proven = await gate.authenticate(credential);
      known.set(request.raw, { ...credential, proven });
    }
  });
  app.setNotFoundHandler(async (request) => {
    throw new HansaError('METHOD_UNKNOWN', `this node serves no ${request.method} at that path`, {
      fix: 'GET /openapi.json lists every route',
    });
  });
  app.get(healthPath, async (_request, reply) =>
    reply.headers(securityHeaders).send({ status: 'ok', version }),
  );
  let description: string | undefined;
  app.get('/openapi.json', async (_request, reply) => {
    description ??= JSON.stringify(
      openApi({ contracts: edge.contracts, routes: needs.routes, version }),
    );
    return reply.headers(securityHeaders).type('application/json; charset=utf-8').send(description);
  });
  edge.contracts.forEach((contract) => addContract(app, contract, routeNeeds));
  needs.routes.forEach((route) => addRawRoute(app, route, routeNeeds));
}

const healthPath = '/health';
