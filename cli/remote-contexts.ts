// Contexts of clusters that run elsewhere: an address, and the certificates that both sides show.
import { readFile, stat } from 'node:fs/promises';
import { request } from 'node:https';
import { join } from 'node:path';
import { nodeIdentity, type ClientTls } from '@hansa/client';
import { HansaError } from '@hansa/foundation';
import { z } from 'zod';
import { writeWhole } from './certificate-files.ts';

/** Absolute paths: whom to believe there, and who calls. */
export interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export const tlsFilesSchema: z.ZodType<TlsFiles> = z.object({
  ca: z.string().min(1),
  cert: z.string().min(1),
  key: z.string().min(1),
});

const refreshAfterMs = 60_000; // a bundle that is older is asked for anew, beside a command
const refreshTimeoutMs = 5_000; // a command does not wait longer for what it can do without
const bundleCharsMax = 1_048_576; // eight authorities are a tenth of it
const certificateLineChars = 64;

export async function readTlsFiles({ ca, cert, key }: TlsFiles): Promise<ClientTls> {
  const [caText, certText, keyText] = await Promise.all([ca, cert, key].map(readText));
  return { ca: caText ?? '', cert: certText ?? '', key: keyText ?? '' };
}

async function readText(path: string): Promise<string> {
  try {
    return await readFile(path, 'utf8');
  } catch (cause) {
    throw new HansaError('CONFIG_INVALID', `${path} cannot be read`, {
      cause,
      fix: 'issue a certificate again: hansa cert issue; then: hansa context add',
    });
  }
}

export interface ContextFile {
  readonly url?: string | undefined;
  readonly tls: TlsFiles;
}

/** A context file as `hansa cert issue --context-file` writes it; its paths are beside it. */
export async function readContextFile(path: string): Promise<ContextFile> {
  const schema = z.object({
    url: z.string(),
    ca: z.string(),
    cert: z.string(),
    key: z.string(),
  });
  try {
    const { url, ...files } = schema.parse(JSON.parse(await readFile(path, 'utf8')));
    const beside = (file: string): string => join(path, '..', file);
    const { ca, cert, key } = files;
    const tls = { ca: beside(ca), cert: beside(cert), key: beside(key) };
    return url === '' ? { tls } : { url, tls };
  } catch (cause) {
    throw new HansaError('INPUT_INVALID', `${path} is no context file`, {
      cause,
      fix: 'make one: hansa cert issue --user <name> --out <folder> --context-file',
    });
  }
}

/**
 * Fetches the cluster's bundle where ours is old, so that the authority that signs next is known
 * before it does. What goes wrong with it is the command's own call to tell.
 */
export async function freshTls(url: string, files: TlsFiles): Promise<ClientTls> {
  const tls = await readTlsFiles(files);
  const { mtimeMs } = await stat(files.ca);
  if (Date.now() - mtimeMs < refreshAfterMs) {
    return tls;
  }
  try {
    const ca = pemOf(JSON.parse(await fetchBundle(url, tls)));
    await writeWhole(files.ca, ca);
    return { ...tls, ca };
  } catch {
    return tls;
  }
}

function pemOf(given: unknown): string {
  const key = z.object({ use: z.literal('x509-svid'), x5c: z.array(z.base64()).length(1) });
  const { keys } = z.object({ keys: z.array(key).min(1) }).parse(given);
  const line = new RegExp(`.{1,${certificateLineChars}}`, 'g');
  return keys
    .map(({ x5c: [body = ''] }) => (body.match(line) ?? []).join('\n'))
    .map((body) => `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`)
    .join('');
}

function fetchBundle(url: string, tls: ClientTls): Promise<string> {
  return new Promise((resolve, reject) => {
    const sent = request(
      new URL('/.well-known/spiffe-bundle', url),
      {
        ...tls,
        agent: false,
        minVersion: 'TLSv1.3',
        checkServerIdentity: nodeIdentity,
        signal: AbortSignal.timeout(refreshTimeoutMs),
      },
      (response) => {
        let text = '';
        response.setEncoding('utf8');
        response.on('data', (piece: string) => {
          text += piece;
          if (text.length > bundleCharsMax) {
            response.destroy(new Error('the bundle is too large'));
          }
        });
        response.on('error', reject);
        response.on('end', () =>
          response.statusCode === 200 ? resolve(text) : reject(new Error('there is no bundle')),
        );
      },
    );
    sent.on('error', reject);
    sent.end();
  });
}
