// Sessions that `hansa login` has begun, one file for each context, for this user alone. While
// there is one, commands go there as whoever has logged in.
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { HansaError } from '@hansa/foundation';
import { z } from 'zod';

export interface KeptSession {
  readonly session: string;
  readonly principal: string;
  readonly expiresMs: number;
}

const keptSchema: z.ZodType<KeptSession> = z.object({
  session: z.string().min(1),
  principal: z.string().min(1),
  expiresMs: z.number(),
});

export async function readSession(home: string, context: string): Promise<KeptSession | undefined> {
  const path = fileOf(home, context);
  const text = await readFile(path, 'utf8').catch(() => undefined);
  if (text === undefined) {
    return undefined;
  }
  try {
    return keptSchema.parse(JSON.parse(text));
  } catch (cause) {
    throw new HansaError('CONFIG_INVALID', `${path} is damaged`, {
      cause,
      fix: 'delete it, then: hansa login',
    });
  }
}

/** Whole or not at all. */
export async function keepSession(
  home: string,
  context: string,
  { session, principal, expiresMs }: KeptSession,
): Promise<void> {
  await mkdir(join(home, folder), { recursive: true, mode: 0o700 });
  const path = fileOf(home, context);
  const temporary = `${path}.${process.pid}.new`;
  const file = await open(temporary, 'w', 0o600);
  try {
    await file.writeFile(`${JSON.stringify({ session, principal, expiresMs }, undefined, 2)}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(temporary, path);
}

export async function dropSession(home: string, context: string): Promise<void> {
  await rm(fileOf(home, context), { force: true });
}

const folder = 'sessions'; // beside contexts.json

// Names of contexts are names of clusters, which have no "/"; escaped all the same.
function fileOf(home: string, context: string): string {
  return join(home, folder, `${encodeURIComponent(context)}.json`);
}
