// Both sides of a bare relay.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startAsked } from './asked.ts';
import { certificateFiles } from './nats-rig.ts';
import type { TlsRelay } from './tls-relay.ts';

export interface RelayRig {
  /** Ports: where a message goes in, and where it comes out. */
  readonly near: number;
  readonly far: number;
  close(): Promise<void>;
}

const script = join(import.meta.dirname, 'tls-relay.ts');

export async function startTlsRelay(): Promise<RelayRig> {
  const folder = mkdtempSync(join(tmpdir(), 'hansa-relay-'));
  const { key, certificate } = certificateFiles(folder);
  const start = () => startAsked<TlsRelay>(script, [key, certificate]);
  const [one, other] = await Promise.all([start(), start()]);
  const { link, plain } = await other.node.far();
  return {
    near: await one.node.near(link),
    far: plain,
    async close() {
      await Promise.all([one.kill(), other.kill()]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
