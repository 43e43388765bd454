// Which web pages may open a WebSocket here. A browser lets every page try, on loopback too, and
// says whose page it is; programs that are no browsers say nothing and are not asked.
import type { IncomingHttpHeaders } from 'node:http';

/** Stands for pages of anywhere. */
export const anyOrigin = '*';

/** Beyond it the word is nobody's origin, and is not read. */
const originCharactersMax = 512; // a host name has 253, an extension's id 32

/** Given the headers of a request: whether a page asks that may not come in. */
export type IsForeign = (headers: IncomingHttpHeaders) => boolean;

/**
 * Pages that this machine serves come in, by the name in their origin and not by `Host`: that one
 * follows a name that its owner has pointed at this machine.
 */
export function createOriginCheck(allowed: readonly string[] = []): IsForeign {
  const named = new Set(allowed.map(plainOrigin));
  return ({ origin }) => {
    if (origin === undefined || named.has(anyOrigin)) {
      return false;
    }
    if (origin.length > originCharactersMax) {
      return true;
    }
    return !isOfThisMachine(origin) && !named.has(plainOrigin(origin));
  };
}

/** As browsers write it: without a path, in small letters, without the scheme's usual port. */
export function plainOrigin(text: string): string {
  const url = parsed(text);
  return url === undefined || url.origin === 'null' ? text.toLowerCase() : url.origin;
}

/** Whether it can be named: a page's origin, `null` for pages without one, or a star for all. */
export function isOrigin(text: string): boolean {
  if (text === anyOrigin || text.toLowerCase() === 'null') {
    return true;
  }
  return text.length <= originCharactersMax && /^[a-z][a-z\d+.-]*:\/\/[^/?#\s@]+\/?$/i.test(text);
}

function isOfThisMachine(origin: string): boolean {
  const url = parsed(origin);
  if (url === undefined || (url.protocol !== 'http:' && url.protocol !== 'https:')) {
    return false;
  }
  const { hostname } = url;
  return (
    hostname === 'localhost' ||
    hostname.endsWith('.localhost') ||
    hostname === '[::1]' ||
    /^127\.\d+\.\d+\.\d+$/.test(hostname)
  );
}

function parsed(text: string): URL | undefined {
  return URL.canParse(text) ? new URL(text) : undefined;
}
