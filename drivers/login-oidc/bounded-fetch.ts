// Requests to providers: over https, or plain where the provider is on this machine and stays on
// it; no redirect is followed, and an answer without end is cut off.
import { HansaError } from '@hansa/foundation';

// Discovery documents and key sets are a few kilobytes; user info with hundreds of groups is more.
export const providerAnswerBytesMax: number = 1_024 * 1_024;

const loopback: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]']);

export function isLoopback({ protocol, hostname }: URL): boolean {
  return protocol === 'http:' && loopback.has(hostname);
}

/** Whether an address that a provider names may be asked, or a browser sent to. */
export function isAskable(address: URL, issuer: URL): boolean {
  return address.protocol === 'https:' || (isLoopback(issuer) && isLoopback(address));
}

export function boundedFetch(issuer: URL): (url: string, init: object) => Promise<Response> {
  return async (url, init) => {
    if (!isAskable(new URL(url), issuer)) {
      throw new HansaError('PROVIDER_FAILED', 'the provider names an address that is not asked', {
        facts: { reason: 'address' },
      });
    }
    const response = await fetch(url, { ...init, redirect: 'manual' });
    const { status, statusText, headers } = response;
    const body = status === 204 || status === 304 ? null : await readWhole(response);
    return new Response(body, { status, statusText, headers });
  };
}

async function readWhole({ body }: Response): Promise<Uint8Array<ArrayBuffer>> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of body ?? []) {
    size += part.length;
    if (size > providerAnswerBytesMax) {
      throw new HansaError('PROVIDER_FAILED', 'the provider answers more than it may', {
        facts: { reason: 'size', bytesMax: providerAnswerBytesMax },
      });
    }
    parts.push(part);
  }
  return new Uint8Array(Buffer.concat(parts));
}
