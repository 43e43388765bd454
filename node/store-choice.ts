// Which store a data folder's cluster runs on: its own, beside it, or etcd. Written whole or not at
// all; where nothing is written, it is its own.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HansaError } from '@hansa/foundation';
import { z } from 'zod';
import { writeSecret } from './key-folder.ts';

export type StoreChoice =
  | { readonly kind: 'lmdb' }
  | {
      readonly kind: 'etcd';
      /** The URL as it was given, without a password. */
      readonly url: string;
      readonly endpoints: readonly string[];
      /** Under which all keys lie, where several clusters share one etcd. */
      readonly prefix?: string | undefined;
    };

const file = 'store.json';
const endpointsMax = 16; // an etcd of more than seven members is slower, not safer
const schema: z.ZodType<StoreChoice> = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('lmdb') }),
  z.strictObject({
    kind: z.literal('etcd'),
    url: z.string().max(4_096),
    endpoints: z.array(z.string().max(512)).min(1).max(endpointsMax),
    prefix: z.string().max(256).optional(),
  }),
]);

/** CONFIG_INVALID where the file is none: another store would be taken for the cluster's. */
export async function readStoreChoice(data: string): Promise<StoreChoice> {
  const path = join(data, file);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') {
      return undefined;
    }
    throw error;
  });
  if (text === undefined) {
    return { kind: 'lmdb' };
  }
  try {
    return schema.parse(JSON.parse(text));
  } catch (error) {
    throw new HansaError('CONFIG_INVALID', `${path} does not say which store to use`, {
      cause: error,
      fix: 'restore the file from a backup, or migrate again: hansa store migrate',
    });
  }
}

export async function writeStoreChoice(data: string, choice: StoreChoice): Promise<void> {
  await writeSecret(join(data, file), `${JSON.stringify(schema.parse(choice))}\n`);
}

/** `etcd://host:port,host:port[/prefix]`; USAGE where it is none. */
export function parseStoreUrl(url: string): Extract<StoreChoice, { kind: 'etcd' }> {
  const found = /^etcd(s?):\/\/([^/@\s]+)(?:\/([A-Za-z0-9._-]{1,256}))?\/?$/.exec(url);
  const [, secure, hosts, prefix] = found ?? [];
  if (hosts === undefined) {
    throw new HansaError('USAGE', `"${url}" is no store: etcd://host:2379,host:2379[/prefix]`);
  }
  const scheme = secure === 's' ? 'https' : 'http';
  const endpoints = hosts.split(',').map((host) => `${scheme}://${host}`);
  return { kind: 'etcd', url, endpoints, ...(prefix === undefined ? {} : { prefix }) };
}
