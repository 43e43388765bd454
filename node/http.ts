// The HTTP road: every contract's routes, the few raw ones, health and the API's own description,
// behind one door that limits and authenticates before a byte of a body is read.
import type { IncomingMessage, RequestListener } from 'node:http';
import { markHeader } from '@hansa/capabilities/logins/contract';
import {
  HansaError,
  invariant,
  reportOf,
  type Caller,
  type Clock,
  type Credential,
  type Edge,
  type Gate,
  type HttpRoute,
  type Log,
} from '@hansa/foundation';
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify';
import { addContract, type RouteKind } from './http-contract.ts';
import type { ApiWay } from './ways.ts';
import { answerError, type ErrorNeeds } from './http-error.ts';
import {
  createGuard,
  credentialOf,
  securityHeaders,
  transportSecurity,
  type Presented,
} from './http-guard.ts';
import { httpLimits, type HttpLimits } from './http-limits.ts';
import {
  createBoundedServer,
  listenTcp,
  listenUnix,
  type ListenAddress,
  type WebServer,
} from './http-listen.ts';
import type { TlsFront } from './http-tls.ts';
import { addRawRoute, type RawNeeds } from './http-raw.ts';
import { doorMethod, rawContract, unauthenticated } from './gate.ts';
import { createPartings } from './http-partings.ts';
import { createVisits, type Visits } from './http-visits.ts';
import { openApi } from './openapi.ts';

export interface HttpNeeds {
  readonly edge: Edge;
  readonly routes: readonly HttpRoute[];
  readonly gate: Gate;
  /** Absent where the sockets come from a front. */
  readonly listen?: ListenAddress;
  readonly socketPath?: string;
  readonly log: Log;
  readonly clock: Clock;
  readonly version: string;
  /** On the address, never on the socket: there only this user is. */
  readonly tls?: TlsFront;
  /** Names besides loopback that may stand in the Host header. */
  readonly hosts?: readonly string[];
  readonly limits?: HttpLimits;
  /** Throws FORBIDDEN where what a browser sends by itself comes without its session's mark. */
  readonly requireMark?: (session: string, mark: string | undefined) => void;
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
  /** A connection that somebody else has taken in. */
  readonly accept: ApiWay;
  /** Ends streams at once and calls after a grace; resolves when every socket is closed. */
  close(): Promise<void>;
}

export async function openHttp(needs: HttpNeeds): Promise<HttpRoad> {
  const limits = needs.limits ?? httpLimits;
  const visits = createVisits(needs.clock);
  const { app, handler } = createApp({ ...needs, limits });
  addDoor(app, needs, { limits, visits });
  await app.ready();

  const servers: WebServer[] = [];
  const partings = createPartings(handler);
  const open = (tls?: TlsFront): WebServer => {
    const server = createBoundedServer(partings.handler, limits, tls);
    partings.follow(server);
    servers.push(server);
    return server;
  };
  const close = async (): Promise<void> => {
    const ended = visits.end(limits.closeGraceMs);
    await partings.all(needs.clock, limits);
    const closed = servers.map(closeServer);
    await ended;
    servers.forEach((server) => server.closeAllConnections());
    await Promise.all(closed);
    await app.close();
  };
  const byEntrance = { api: open(needs.tls), socket: open() };
  const accept: ApiWay = {
    take(socket, entrance) {
      byEntrance[entrance].emit('connection', socket);
      socket.resume();
    },
    part: (socket) => partings.part(socket),
  };
  const { listen = nowhere } = needs;
  try {
    if (needs.listen === undefined) {
      // Node watches over connections, their slowness and their end, from this event on.
      servers.forEach((server) => server.emit('listening'));
    }
    const address = needs.listen === undefined ? listen : await listenTcp(byEntrance.api, listen);
    if (needs.socketPath !== undefined) {
      await listenUnix(byEntrance.socket, needs.socketPath);
    }
    return { address, accept, close };
  } catch (error) {
    await close();
    throw error;
  }
}

const nowhere: ListenAddress = { host: '', port: 0 };

function closeServer(server: WebServer): Promise<void> {
  return new Promise((resolve) => {
    // The error of a server that never listened is the one that is being thrown already.
    server.close(() => resolve());
  });
}

/** Who sends nonsense is bounded like everybody else. */
function refusalOf(request: IncomingMessage, { gate }: Pick<HttpNeeds, 'gate'>): unknown {
  try {
    gate.admit(credentialOf(request));
    return undefined;
  } catch (error) {
    return error;
  }
}

function createApp(needs: ErrorNeeds & Pick<HttpNeeds, 'gate'>): {
  app: FastifyInstance;
  handler: RequestListener;
} {
  const { limits } = needs;
  let handler: RequestListener | undefined;
  const app = Fastify({
    logger: false,
    exposeHeadRoutes: false, // a HEAD would open a watch to throw its lines away
    routerOptions: { maxParamLength: limits.paramLengthMax },
    // A path that cannot be decoded meets no door: nothing is behind it, and it is told so alike.
    frameworkErrors(error, request, reply) {
      void answerError(refusalOf(request.raw, needs) ?? error, { request, reply, needs });
    },
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
  const guard = createGuard([
    ...(needs.listen === undefined ? [] : [needs.listen.host]),
    ...(needs.hosts ?? []),
  ]);
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
  app.addHook('onRequest', async (request: FastifyRequest, reply) => {
    if ('encrypted' in request.raw.socket) {
      reply.raw.setHeader(transportSecurity.name, transportSecurity.value);
    }
    if (visits.closing) {
      throw new HansaError('SHUTTING_DOWN', 'the node is stopping');
    }
    const { open = false, crossSite = false } = request.routeOptions.config as RouteKind;
    guard(request.raw, crossSite);
    const credential = credentialOf(request.raw);
    gate.admit(credential);
    if (request.routeOptions.url !== healthPath) {
      const proven = await authenticated(credential, request.raw, { ...needs, open });
      known.set(request.raw, { ...credential, proven, admitted: true });
    } else {
      await needs.tls?.check(request.raw);
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

interface Proving extends Pick<HttpNeeds, 'gate' | 'requireMark' | 'tls'> {
  readonly open: boolean;
}

/** Whoever is turned away at the door reaches no method: it is recorded as what it is. */
async function authenticated(
  credential: Presented,
  request: IncomingMessage,
  needs: Proving,
): Promise<Caller> {
  try {
    return await prove(credential, request, needs);
  } catch (error) {
    await needs.gate.record({
      contract: rawContract,
      method: doorMethod,
      caller: { kind: 'anonymous' },
      source: credential.source,
      outcome: reportOf(error).code,
      ...(error instanceof HansaError ? {} : { fault: error }),
    });
    throw error;
  }
}

/** Nobody is let in before a byte of a body is read, unless the route is open to all. */
async function prove(
  credential: Presented,
  request: IncomingMessage,
  { gate, open, requireMark, tls }: Proving,
): Promise<Caller> {
  // Beside a token or session the certificate has to be good, and they say who it is.
  const certified = (await tls?.check(request))?.caller;
  const given =
    certified === undefined || credential.token !== undefined
      ? credential
      : { ...credential, proven: certified };
  const proven = await gate.authenticate(given).catch((error: unknown): Caller => {
    // A browser goes on sending the cookie of a session that is over, to the login page too.
    if (open && credential.byCookie) {
      return { kind: 'anonymous' };
    }
    throw error;
  });
  if (proven.kind === 'anonymous' && !open) {
    throw unauthenticated();
  }
  if (changesByCookie(credential, request) && !open) {
    const mark = request.headers[markHeader];
    requireMark?.(credential.token ?? '', typeof mark === 'string' ? mark : undefined);
  }
  return proven;
}

/** A browser sends its cookie along with whatever any page makes it send. */
function changesByCookie({ byCookie }: Presented, { method = '' }: IncomingMessage): boolean {
  return byCookie && !safeMethods.has(method);
}

const safeMethods: ReadonlySet<string> = new Set(['GET', 'HEAD']);
const healthPath = '/health';
