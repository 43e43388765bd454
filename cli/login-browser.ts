// A login by an identity provider from the command line: the browser comes back to a port of this
// machine, so that nobody who sends somebody a link gets their session.
import { createServer, type Server } from 'node:http';
import type { LoggedIn, Logins } from '@hansa/capabilities/logins/contract';
import { errorOf, errorReportSchema, HansaError } from '@hansa/foundation';

const waitMs = 600_000; // as long as the node waits for the browser
const page =
  '<!doctype html><meta charset="utf-8"><title>Hansa</title><p>You can close this page.\n';

export async function loginByBrowser(
  logins: Logins,
  provider: string,
  print: (line: string) => void,
): Promise<LoggedIn> {
  const server = createServer();
  const port = await listen(server);
  try {
    const { url, ticket } = await logins.oidcStart({ provider, port });
    print(`Open this in a browser on this machine, and log in there:\n${url}`);
    const code = await comeBack(server);
    return await logins.oidcFinish({ ticket, code });
  } finally {
    server.close();
    server.closeAllConnections();
  }
}

function listen(server: Server): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      resolve(typeof address === 'object' && address !== null ? address.port : 0);
    });
  });
}

/** The code that the node has sent the browser back with; its refusal where it refused. */
function comeBack(server: Server): Promise<string> {
  return new Promise((resolve, reject) => {
    const late = setTimeout(() => {
      reject(new HansaError('TIMED_OUT', 'the browser did not come back', { fix: 'log in again' }));
    }, waitMs);
    server.on('request', (request, response) => {
      const query = new URL(request.url ?? '/', 'http://127.0.0.1').searchParams;
      const code = query.get('code');
      const error = query.get('error');
      const known = code !== null || error !== null;
      response.writeHead(known ? 200 : 404, {
        'content-type': 'text/html; charset=utf-8',
        'cache-control': 'no-store',
        'referrer-policy': 'no-referrer',
        connection: 'close',
      });
      response.end(known ? page : '');
      if (known) {
        clearTimeout(late);
        response.once('close', () => (code === null ? reject(told(error)) : resolve(code)));
      }
    });
  });
}

function told(text: string | null): HansaError {
  try {
    return errorOf(errorReportSchema.parse(JSON.parse(text ?? '')));
  } catch {
    return new HansaError('LOGIN_REFUSED', 'the node let nobody in', { fix: 'log in again' });
  }
}
