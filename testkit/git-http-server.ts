// The smallest HTTP server that stock git can talk to: it does what the node's edge does before a
// route (decode the path, gunzip the body, abort with the client) and hands over to the forge's
// smart HTTP.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import type { SmartHttp } from '@hansa/capabilities/forge/smart-http';
import { reportOf, type HttpRequest, type HttpResponse } from '@hansa/foundation';

export interface GitHttpServer {
  /** `http://127.0.0.1:…/git` */
  readonly url: string;
  /** Requests so far: method and path, and whether the body came gzipped. */
  readonly requests: readonly string[];
  /** Errors that a handler threw. */
  readonly errors: readonly unknown[];
  close(): Promise<void>;
}

export async function serveGit(smart: SmartHttp): Promise<GitHttpServer> {
  const requests: string[] = [];
  const errors: unknown[] = [];
  const server = createServer((incoming, outgoing) => {
    const zipped = incoming.headers['content-encoding'] === 'gzip' ? ' gzip' : '';
    requests.push(`${incoming.method ?? ''} ${incoming.url ?? ''}${zipped}`);
    answer(smart, incoming, outgoing).catch((error: unknown) => {
      errors.push(error);
      fail(outgoing, error);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    url: `http://127.0.0.1:${port}/git`,
    requests,
    errors,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

async function answer(
  smart: SmartHttp,
  incoming: IncomingMessage,
  outgoing: ServerResponse,
): Promise<void> {
  const gone = new AbortController();
  outgoing.once('close', () => {
    if (!outgoing.writableFinished) {
      gone.abort(new Error('the client went away'));
    }
  });
  const handle = incoming.method === 'POST' ? smart.post : smart.get;
  const response = await handle(requestOf(incoming), { signal: gone.signal });
  await send(outgoing, response);
}

function requestOf(incoming: IncomingMessage): HttpRequest {
  const url = new URL(incoming.url ?? '/', 'http://localhost');
  const headers: Record<string, string> = {};
  for (const [name, value] of Object.entries(incoming.headers)) {
    headers[name] = Array.isArray(value) ? value.join(', ') : (value ?? '');
  }
  const zipped = headers['content-encoding'] === 'gzip';
  return {
    method: incoming.method ?? 'GET',
    params: { '*': decodeURIComponent(url.pathname.replace(/^\/git\//, '')) },
    query: Object.fromEntries(url.searchParams),
    headers,
    body: zipped ? incoming.pipe(createGunzip()) : incoming,
  };
}

async function send(outgoing: ServerResponse, response: HttpResponse): Promise<void> {
  outgoing.writeHead(response.status, response.headers);
  const body = response.body instanceof Uint8Array ? [response.body] : response.body;
  await pipeline(Readable.from(body), outgoing);
}

function fail(outgoing: ServerResponse, error: unknown): void {
  if (outgoing.headersSent) {
    outgoing.destroy();
    return;
  }
  outgoing.writeHead(500, { 'content-type': 'text/plain' });
  outgoing.end(`${reportOf(error).message}\n`);
}
