// What this machine's own operator goes on by: whoever reads the file owns the cluster.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { toHex, type Random } from '@hansa/foundation';
import { writeSecret } from './key-folder.ts';

/** Made once. */
export async function ownerToken(data: string, random: Random): Promise<string> {
  const path = join(data, 'owner.token');
  const held = await readFile(path, 'utf8').catch(() => undefined);
  if (held !== undefined && held.trim().length >= 64) {
    return held.trim();
  }
  const token = toHex(random.bytes(32));
  await writeSecret(path, `${token}\n`);
  return token;
}

/** Of the cluster that this node joins: all its nodes take the same. */
export function keepOwnerToken(data: string, token: string): Promise<void> {
  return writeSecret(join(data, 'owner.token'), `${token}\n`);
}
