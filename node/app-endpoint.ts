// Calls to the listeners of apps on this machine: one request, nothing followed, all bounded.
import { request as send, type IncomingMessage } from 'node:http';
import type { AppEndpoints, AppResponse } from '@hansa/capabilities/apps/endpoint';
import { HansaError } from '@hansa/foundation';

const loopback = new Set(['127.0.0.1', 'localhost', '[::1]']);

export function createAppEndpoints(bodyBytesMax: number): AppEndpoints {
  return {
    // oxlint-disable-next-line eslint/max-params
    async call(endpoint, { method, path, contentType, body, caller }, signal) {
      const url = new URL(endpoint);
      // Checked where it was registered as well; this is the last place before the socket.
      if (url.protocol !== 'http:' || !loopback.has(url.hostname)) {
        throw new HansaError('APP_UNREACHABLE', 'the app’s endpoint is not on this machine');
      }
      const options = {
        host: url.hostname.replaceAll(/[[\]]/g, ''),
        port: url.port,
        method,
        path: `${url.pathname.replace(/\/$/, '')}${path}`,
        signal,
        headers: {
          host: url.host,
          'content-length': body.length,
          'hansa-caller': caller,
          ...(contentType === undefined ? {} : { 'content-type': contentType }),
        },
      };
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        const sent = send(options, resolve);
        sent.once('error', (cause) => reject(failure(signal, cause)));
        sent.end(body);
      });
      return answerOf(response, { bodyBytesMax, signal });
    },
  };
}

async function answerOf(
  response: IncomingMessage,
  { bodyBytesMax, signal }: { readonly bodyBytesMax: number; readonly signal: AbortSignal },
): Promise<AppResponse> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of response as AsyncIterable<Buffer>) {
      size += part.length;
      if (size > bodyBytesMax) {
        throw new HansaError('OUTPUT_INVALID', `the app’s answer is over ${bodyBytesMax} bytes`, {
          facts: { bodyBytesMax },
        });
      }
      parts.push(part);
    }
  } catch (error) {
    throw error instanceof HansaError ? error : failure(signal, error);
  }
  const type = response.headers['content-type'];
  return {
    status: response.statusCode ?? 502,
    body: new Uint8Array(Buffer.concat(parts)),
    ...(type !== undefined && /^[\x20-\x7e]{1,256}$/.test(type) ? { contentType: type } : {}),
  };
}

function failure(signal: AbortSignal, cause: unknown): unknown {
  if (signal.aborted) {
    return signal.reason;
  }
  return new HansaError('APP_UNREACHABLE', 'the app is registered here and does not answer', {
    cause,
    fix: 'start it, or register the endpoint where it listens',
  });
}
