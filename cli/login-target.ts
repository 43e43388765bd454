// Where `hansa login` goes: to a known context, or to the node at `--url`, which becomes one.
import { resolve } from 'node:path';
import { HansaError, isHansaError, textOption } from '@hansa/foundation';
import { filesOf } from './context-add.ts';
import { resolveContext, type Context, type RemoteContext } from './contexts.ts';
import type { LocalContext } from './local-commands.ts';
import { readTlsFiles, type TlsFiles } from './remote-contexts.ts';

const loopback: readonly string[] = ['127.0.0.1', 'localhost', '[::1]'];

/** The node at `--url` under the name of `--context`, or its host's; else a known context. */
export async function loginTarget(given: LocalContext): Promise<Context> {
  const { home, context, options } = given;
  const url = textOption({ args: {}, options }, 'url');
  const named = tlsOf(options);
  if (url === undefined) {
    if (named !== undefined) {
      throw new HansaError('USAGE', 'certificates are for a node that is not known yet', {
        fix: 'name its address too: --url https://…',
      });
    }
    return resolveContext(home, context).catch((error: unknown) => {
      throw withAddress(error);
    });
  }
  const { hostname, protocol } = addressOf(url);
  const known = await knownAs(given, context ?? hostname);
  const at = { name: context ?? hostname, url };
  return protocol === 'http:' ? at : { ...at, tls: await requireTls(named ?? known?.tls) };
}

/** Whoever was invited has started no node: they know the address of one. */
function withAddress(error: unknown): unknown {
  if (!isHansaError(error, 'CONTEXT_NOT_FOUND')) {
    return error;
  }
  const fix = 'name the node of whoever invited you: hansa login --url <address>';
  const known = error.fix === undefined ? '' : `; or ${error.fix}`;
  return new HansaError(error.code, error.message, { cause: error.cause, fix: `${fix}${known}` });
}

function addressOf(url: string): URL {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol)) {
    throw new HansaError('USAGE', `"${url}" is no address of a node`, {
      fix: 'write http://127.0.0.1:4870, or https://…',
    });
  }
  const address = new URL(url);
  if (address.protocol === 'http:' && !loopback.includes(address.hostname)) {
    throw new HansaError('USAGE', 'a password would travel in the open', {
      fix: 'use https://, or a tunnel that ends on this machine',
    });
  }
  return address;
}

async function knownAs({ home }: LocalContext, name: string): Promise<RemoteContext | undefined> {
  const known = await resolveContext(home, name).catch(() => undefined);
  if (known !== undefined && 'data' in known) {
    throw new HansaError('USAGE', `${name} is the name of a cluster on this machine`, {
      fix: 'give the one at the address another name: --context <name>',
    });
  }
  return known;
}

/** Undefined where no file is named. */
function tlsOf(options: LocalContext['options']): TlsFiles | undefined {
  const pathOf = (name: keyof TlsFiles): string | undefined => {
    const path = textOption({ args: {}, options }, name);
    return path === undefined ? undefined : resolve(path);
  };
  const given = { ca: pathOf('ca'), cert: pathOf('cert'), key: pathOf('key') };
  return Object.values(given).every((path) => path === undefined) ? undefined : filesOf(given);
}

/** A node behind TLS asks who calls before it hears a password. */
async function requireTls(files: TlsFiles | undefined): Promise<TlsFiles> {
  if (files === undefined) {
    throw new HansaError('USAGE', 'a node behind https:// asks for a certificate first', {
      fix: 'add --ca, --cert and --key; its operator makes them: hansa cert issue --user <name>',
    });
  }
  await readTlsFiles(files); // a file that is not there is told now
  return files;
}
