// Ports that were chosen once stay chosen: peers and people remember addresses.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeSecret } from './key-folder.ts';

export interface Ports {
  readonly api?: number | undefined;
  readonly link?: number | undefined;
  readonly plane?: number | undefined;
  /** Where sessions of signals connect. */
  readonly signals?: number | undefined;
  /** Where the other nodes of the cluster come in. */
  readonly node?: number | undefined;
}

const port = z.number().int().min(1).max(65_535).optional();
const schema: z.ZodType<Ports> = z.object({
  api: port,
  link: port,
  plane: port,
  signals: port,
  node: port,
});

/** Empty where nothing usable is remembered. */
export async function readPorts(data: string): Promise<Ports> {
  try {
    return schema.parse(JSON.parse(await readFile(join(data, 'ports.json'), 'utf8')));
  } catch {
    return {}; // only a convenience: without it others are chosen
  }
}

/** Beside those that are remembered already. */
export async function rememberPorts(data: string, ports: Ports): Promise<void> {
  const all = { ...(await readPorts(data)), ...ports };
  await writeSecret(join(data, 'ports.json'), `${JSON.stringify(all)}\n`);
}
