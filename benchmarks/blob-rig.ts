// Two linked nodes of notes, each a process of its own, and files to move between them.
import { spawnSync } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { startAsked, type Started } from './asked.ts';
import type { BlobNode } from './blob-node.ts';
import { profile, profileFlags } from './profiled.ts';

export interface BlobPair {
  readonly folder: string;
  readonly lubeck: BlobNode;
  readonly bergen: BlobNode;
  close(): Promise<void>;
}

const script = join(import.meta.dirname, 'blob-node.ts');

export async function startBlobPair(dataPlane: 'negotiated' | 'iroh-only'): Promise<BlobPair> {
  const folder = mkdtempSync(join(tmpdir(), 'hansa-blobs-'));
  const start = (name: string): Promise<Started<BlobNode>> =>
    startAsked(script, [join(folder, name), name, dataPlane], profileFlags);
  const [lubeck, bergen] = await Promise.all([start('lubeck'), start('bergen')]);
  await bergen.node.accept(await lubeck.node.invite());
  return {
    folder,
    lubeck: lubeck.node,
    bergen: bergen.node,
    async close() {
      await Promise.all([lubeck, bergen].map((one) => (profile ? one.end() : one.kill())));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** New random files: nothing of them was ever moved. */
export function makeFiles(folder: string, count: number, sizeBytes: number): readonly string[] {
  mkdirSync(folder, { recursive: true });
  return Array.from({ length: count }, (_, at) => {
    const path = join(folder, `file-${at}`);
    const left = { bytes: sizeBytes };
    const pieces: Buffer[] = [];
    for (; left.bytes > 0; left.bytes -= pieces.at(-1)?.length ?? 0) {
      pieces.push(randomFillSync(Buffer.alloc(Math.min(left.bytes, 16 * 1_048_576))));
    }
    writeFileSync(path, Buffer.concat(pieces));
    return path;
  });
}

/** What was written before is on the disk: nobody pays for it while time is taken. */
export function settleDisk(): void {
  spawnSync('sync');
}
