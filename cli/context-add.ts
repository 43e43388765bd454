// `hansa context add`: a cluster that runs elsewhere, reached by TLS with a certificate of ours.
import { resolve } from 'node:path';
import { HansaError, nameLengthMax, schemaSentence } from '@hansa/foundation';
import { rememberContext } from './contexts.ts';
import type { LocalCommand } from './local-commands.ts';
import { readContextFile, readTlsFiles, tlsFilesSchema, type TlsFiles } from './remote-contexts.ts';

export const contextAdd: LocalCommand = {
  local: true,
  noun: 'context',
  verb: 'add',
  summary: 'Adds a cluster that runs elsewhere: its address, and the certificates for it.',
  args: [{ name: '<name>', description: 'what you call it' }],
  options: [
    { flags: '--url <url>', description: 'https://host:port of its API' },
    { flags: '--ca <file>', description: 'its authorities, in PEM' },
    { flags: '--cert <file>', description: 'your certificate, in PEM' },
    { flags: '--key <file>', description: 'and its key' },
    { flags: '--from <file>', description: 'a context.json of hansa cert issue --context-file' },
  ],
  examples: [
    'hansa context add lubeck --from anna/context.json --url https://lubeck.example:7400',
    'hansa context add lubeck --url https://10.0.0.1:7400 --ca ca.pem --cert cert.pem --key key.pem',
  ],
  async run({ home, args, options }) {
    const name = args['name'] ?? '';
    if (!/^[A-Za-z0-9][A-Za-z0-9_.-]*$/.test(name) || name.length > nameLengthMax) {
      throw new HansaError('USAGE', `"${name}" is no name for a context`);
    }
    const text = (key: string): string | undefined => {
      const value = options[key];
      return typeof value === 'string' ? value : undefined;
    };
    const from = text('from');
    const held = from === undefined ? undefined : await readContextFile(resolve(from));
    const pathOf = (key: keyof TlsFiles): string | undefined => {
      const given = text(key);
      return given === undefined ? held?.tls[key] : resolve(given);
    };
    const url = addressOf(text('url') ?? held?.url);
    const tls = filesOf({ ca: pathOf('ca'), cert: pathOf('cert'), key: pathOf('key') });
    await readTlsFiles(tls); // a file that is not there is told now, not at the first command
    const data = { name, url, tls };
    await rememberContext(home, data);
    return {
      data,
      view: { kind: 'text', text: `${name} is reached at ${url}` },
      next: [`hansa --context ${name} status`],
    };
  },
};

const completeFix = 'give --url https://…, --ca, --cert and --key, or --from with a context file';

function addressOf(url: string | undefined): string {
  if (url === undefined || !URL.canParse(url) || new URL(url).protocol !== 'https:') {
    throw new HansaError('USAGE', 'the address is no https:// URL', { fix: completeFix });
  }
  return url;
}

/** USAGE where one is missing: a node behind TLS asks who calls before it hears a password. */
export function filesOf(given: Partial<Record<keyof TlsFiles, string | undefined>>): TlsFiles {
  const parsed = tlsFilesSchema.safeParse(given);
  if (!parsed.success) {
    throw new HansaError('USAGE', `files are missing: ${schemaSentence(parsed.error)}`, {
      fix: completeFix,
    });
  }
  return parsed.data;
}
