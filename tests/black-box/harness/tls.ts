// Requests as somebody with a certificate makes them, and as the machine's own operator makes them
// where the address is for certificates alone.
import { request as plainRequest } from 'node:http';
import { request as secureRequest, type RequestOptions } from 'node:https';
import type { Answer } from './answer.ts';

export interface Shown {
  readonly ca: string;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

export interface Question {
  readonly method?: string;
  readonly path: string;
  readonly token?: string | undefined;
  readonly body?: unknown;
}

/** A new connection for each: what counts is looked at when it is made. */
export function askByTls<T>(url: string, shown: Shown, question: Question): Promise<Answer<T>> {
  const { hostname, port } = new URL(url);
  return exchange(secureRequest, { hostname, port, ...shown, agent: false }, question);
}

export function askBySocket<T>(socketPath: string, question: Question): Promise<Answer<T>> {
  return exchange(plainRequest, { socketPath, agent: false }, question);
}

function exchange<T>(
  send: typeof secureRequest | typeof plainRequest,
  to: RequestOptions,
  { method = 'GET', path, token, body }: Question,
): Promise<Answer<T>> {
  const text = body === undefined ? undefined : JSON.stringify(body);
  const headers = {
    ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
    ...(text === undefined ? {} : { 'content-type': 'application/json' }),
  };
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(30_000);
    const sent = send({ ...to, method, path, headers, signal }, (response) => {
      let got = '';
      response.setEncoding('utf8');
      response.on('data', (piece: string) => (got += piece));
      response.on('error', reject);
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, text: got, body: read<T>(got) }),
      );
    });
    sent.on('error', reject);
    sent.end(text);
  });
}

function read<T>(text: string): T {
  try {
    return JSON.parse(text) as T;
  } catch {
    return undefined as T;
  }
}
