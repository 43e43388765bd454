// Calls to a node over HTTP: on its unix socket where there is one, else at its address. Errors
// arrive as the node reported them; a node that does not answer is NODE_UNREACHABLE with the cause.
import { Agent, request, type ClientRequest, type IncomingMessage } from 'node:http';
import { Agent as SecureAgent, request as secureRequest } from 'node:https';
import {
  abortable,
  cancellation,
  errorOf,
  errorReportSchema,
  HansaError,
  isHansaError,
  type AnyContract,
  type Carrier,
} from '@hansa/foundation';
import { httpCall, type HttpCall } from './http-request.ts';
import { jsonLines, wholeText } from './http-answer.ts';
import { nodeIdentity } from './node-identity.ts';

export interface HttpCarrierOptions {
  /** `http://127.0.0.1:7400`, or https:// with `tls`; only host, port and path are used. */
  readonly url?: string;
  /** For https://: whom to believe, and who calls; PEM. */
  readonly tls?: ClientTls;
  /** Goes before the url: nobody else can listen there. */
  readonly socketPath?: string;
  /** Not needed where a certificate says who calls. */
  readonly token?: string | undefined;
  /** For one call, not for a watch; default `callTimeoutMs`. */
  readonly timeoutMs?: number;
  /**
   * What is to be done is told only once the node has taken the request in: where it goes away
   * before, nothing was done, and the error is NODE_UNREACHABLE. Costs a round trip.
   */
  readonly asksFirst?: boolean;
}

export interface ClientTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

// the longest single call, a large import, stays below two minutes
export const callTimeoutMs = 120_000;
const socketsMax = 64; // watches and calls of one program; more would be a loop gone wild

export function createHttpCarrier(options: HttpCarrierOptions): Carrier {
  const target = targetOf(options);
  const pool = { keepAlive: true, maxSockets: socketsMax };
  const agent = target.secure
    ? new SecureAgent({
        ...pool,
        ...options.tls,
        minVersion: 'TLSv1.3',
        checkServerIdentity: nodeIdentity,
      })
    : new Agent(pool);
  const { token } = options;
  const headers = {
    accept: 'application/json',
    'user-agent': 'hansa',
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
  };
  const send = (call: HttpCall, signal: AbortSignal): Promise<IncomingMessage> =>
    exchange({ call, target, headers, agent, signal, asksFirst: options.asksFirst === true });
  const timeoutMs = options.timeoutMs ?? callTimeoutMs;

  return {
    // oxlint-disable-next-line eslint/max-params
    async call(contract, method, input, { signal }) {
      const call = httpCall(contract, method, input);
      const late = AbortSignal.timeout(timeoutMs);
      const both = signal === undefined ? late : AbortSignal.any([late, signal]);
      try {
        const response = await send(call, both);
        return await abortable(answerOf(response), both);
      } catch (error) {
        if (late.aborted && signal?.aborted !== true) {
          const message = `${contract.name}.${method} got no answer within ${timeoutMs / 1_000} s`;
          throw new HansaError('TIMED_OUT', message);
        }
        throw error;
      }
    },
    // oxlint-disable-next-line eslint/max-params
    watch: (contract, method, input, { signal }) => ({
      [Symbol.asyncIterator]: () => createReading({ contract, method, input, signal }, send),
    }),
  };
}

interface Watched {
  readonly contract: AnyContract;
  readonly method: string;
  readonly input: unknown;
  readonly signal: AbortSignal | undefined;
}

// Not a bare generator: one that waits for a line would hear `return()` only when the line is
// there.
function createReading(
  watched: Watched,
  send: (call: HttpCall, signal: AbortSignal) => Promise<IncomingMessage>,
): AsyncIterator<unknown> {
  const leave = new AbortController();
  const signal =
    watched.signal === undefined ? leave.signal : AbortSignal.any([leave.signal, watched.signal]);
  async function* read(): AsyncGenerator<unknown> {
    const { contract, method, input } = watched;
    const response = await send(httpCall(contract, method, input), signal);
    if (response.statusCode !== 200) {
      throw await failureOf(response);
    }
    yield* itemsOf(response, signal);
  }
  const items = read();
  return {
    async next() {
      try {
        return await items.next();
      } catch (error) {
        if (leave.signal.aborted) {
          return { done: true, value: undefined };
        }
        throw error;
      }
    },
    async return() {
      leave.abort();
      await items.return(undefined).catch(() => undefined);
      return { done: true, value: undefined };
    },
  };
}

async function* itemsOf(response: IncomingMessage, signal: AbortSignal): AsyncGenerator<unknown> {
  let ended = false;
  try {
    // Read past the last line, to the end: then the connection can serve again.
    for await (const line of jsonLines(response)) {
      if ('item' in line) {
        yield line['item'];
      } else if ('error' in line) {
        throw reported(line['error']);
      }
      ended ||= 'end' in line;
    }
  } catch (error) {
    if (isHansaError(error)) {
      throw error;
    }
    throw signal.aborted ? cancellation(signal) : broken(error);
  }
  if (!ended) {
    throw broken(undefined);
  }
}

function broken(cause: unknown): HansaError {
  return new HansaError('CONNECTION_CLOSED', 'the node’s answer broke off', { cause });
}

interface Target {
  readonly name: string;
  readonly secure: boolean;
  readonly socketPath?: string;
  readonly hostname?: string;
  readonly port?: string;
  readonly prefix: string;
}

function targetOf({ url, socketPath, tls }: HttpCarrierOptions): Target {
  if (socketPath !== undefined) {
    return { name: socketPath, secure: false, socketPath, prefix: '' };
  }
  const parsed = url !== undefined && URL.canParse(url) ? new URL(url) : undefined;
  // The name of the system's own authorities counts nothing here: https is spoken with ours alone.
  const secure = parsed?.protocol === 'https:' && tls !== undefined;
  if (parsed === undefined || !(secure || parsed.protocol === 'http:')) {
    throw new HansaError(
      'CONFIG_INVALID',
      `"${url ?? ''}" is no http:// address of a node, nor one with https:// and certificates`,
    );
  }
  const { hostname, port, pathname, host } = parsed;
  // Node wants an IPv6 host without the brackets that a URL needs.
  const bare = hostname.replace(/^\[|\]$/g, '');
  return {
    name: `${parsed.protocol}//${host}`,
    secure,
    hostname: bare,
    port: port || (secure ? '443' : '80'),
    prefix: pathname.replace(/\/$/, ''),
  };
}

interface Exchange {
  readonly call: HttpCall;
  readonly target: Target;
  readonly headers: Readonly<Record<string, string>>;
  readonly agent: Agent;
  readonly signal: AbortSignal;
  readonly asksFirst: boolean;
}

async function exchange(needs: Exchange): Promise<IncomingMessage> {
  try {
    return await attempt(needs).catch((error: unknown) => {
      // A kept connection may have been closed while it idled; a read is safe to ask again.
      if (error instanceof StaleConnection && needs.call.method === 'GET') {
        return attempt(needs);
      }
      throw error;
    });
  } catch (error) {
    if (needs.signal.aborted) {
      throw cancellation(needs.signal);
    }
    throw error instanceof StaleConnection ? error.cause : error;
  }
}

class StaleConnection extends Error {}

function attempt({ call, target, ...needs }: Exchange): Promise<IncomingMessage> {
  const { headers, agent, signal } = needs;
  const { secure, socketPath, hostname, port, prefix } = target;
  const body = call.body === undefined ? undefined : Buffer.from(call.body);
  const asks = needs.asksFirst && body !== undefined;
  const described = {
    ...headers,
    ...(asks ? { expect: '100-continue' } : {}),
    ...(body === undefined
      ? {}
      : { 'content-type': 'application/json', 'content-length': String(body.length) }),
  };
  return new Promise((resolve, reject) => {
    const sent: ClientRequest = (secure ? secureRequest : request)(
      {
        ...(socketPath === undefined ? { hostname, port } : { socketPath }),
        path: prefix + call.path,
        method: call.method,
        headers: described,
        agent,
        signal,
      },
      (response) => {
        // The abort that follows a read error must not become an uncaught one.
        response.on('error', () => undefined);
        if (!sent.writableEnded) {
          response.once('end', () => sent.destroy()); // answered before it was told
        }
        resolve(response);
      },
    );
    sent.on('error', (error) => {
      const failure = sent.writableEnded
        ? failureBeforeAnswer(target, error)
        : new HansaError('NODE_UNREACHABLE', `no node answers at ${target.name}`, { cause: error });
      reject(sent.reusedSocket ? new StaleConnection('', { cause: failure }) : failure);
    });
    if (asks) {
      sent.once('continue', () => sent.end(body));
      sent.flushHeaders();
    } else {
      sent.end(body);
    }
  });
}

// What a handshake says where the far side is not who it should be, or does not want us.
const untrustedCode = /^(?:ERR_TLS_|ERR_SSL_|CERT_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|ERR_OSSL_)/;

const goneCodes: ReadonlySet<unknown> = new Set(['ECONNRESET', 'EPIPE']);

function failureBeforeAnswer(target: Target, cause: Error): HansaError {
  if ('code' in cause && untrustedCode.test(String(cause.code))) {
    return new HansaError(
      'CERTIFICATE_UNTRUSTED',
      `the certificates of this side and of ${target.name} do not fit: ${cause.message}`,
      { cause, fix: 'check the context’s ca, cert and key: hansa context list' },
    );
  }
  return 'code' in cause && goneCodes.has(cause.code)
    ? new HansaError('CONNECTION_CLOSED', 'the node went away before it answered', {
        cause,
        fix: 'see whether it happened, then try again',
      })
    : new HansaError('NODE_UNREACHABLE', `no node answers at ${target.name}`, { cause });
}

async function answerOf(response: IncomingMessage): Promise<unknown> {
  const status = response.statusCode ?? 0;
  if (status === 204) {
    response.resume();
    return undefined;
  }
  if (status !== 200) {
    throw await failureOf(response);
  }
  const text = await wholeText(response);
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new HansaError('OUTPUT_INVALID', 'the node answered with something else than JSON', {
      cause: error,
    });
  }
}

async function failureOf(response: IncomingMessage): Promise<HansaError> {
  const text = await wholeText(response);
  const status = response.statusCode ?? 0;
  try {
    return reported(JSON.parse(text));
  } catch {
    return new HansaError('REMOTE_FAILED', `what answered with status ${status} is no node`, {
      fix: 'check the address: another program may listen there',
    });
  }
}

function reported(report: unknown): HansaError {
  return errorOf(errorReportSchema.parse(report));
}
