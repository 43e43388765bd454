// Two linked nodes of notes, each a process of its own, and files to move between them.
import { fork, spawnSync, type ChildProcess } from 'node:child_process';
import { randomFillSync } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BlobNode } from './blob-node.ts';

export interface BlobPair {
  readonly folder: string;
  readonly lubeck: BlobNode;
  readonly bergen: BlobNode;
  close(): Promise<void>;
}

const script = join(import.meta.dirname, 'blob-node.ts');

export async function startBlobPair(dataPlane: 'negotiated' | 'iroh-only'): Promise<BlobPair> {
  const folder = mkdtempSync(join(tmpdir(), 'hansa-blobs-'));
  const children: ChildProcess[] = [];
  const start = async (name: string): Promise<BlobNode> => {
    const child = fork(script, [join(folder, name), name, dataPlane], {
      execArgv: ['--conditions=@hansa/source', '--import', 'tsx'],
    });
    children.push(child);
    return talkTo(child);
  };
  const [lubeck, bergen] = await Promise.all([start('lubeck'), start('bergen')]);
  await bergen.accept(await lubeck.invite());
  return {
    folder,
    lubeck,
    bergen,
    async close() {
      await Promise.all(children.map(endChild));
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function endChild(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}

interface Said {
  readonly ready?: boolean;
  readonly id?: number;
  readonly value?: unknown;
  readonly error?: string;
}

function talkTo(child: ChildProcess): Promise<BlobNode> {
  const waiting = new Map<number, (said: Said) => void>();
  let lastId = 0;
  const ask = (method: string, args: readonly unknown[]): Promise<unknown> =>
    new Promise((resolve, reject) => {
      lastId += 1;
      waiting.set(lastId, ({ value, error }) =>
        error === undefined ? resolve(value) : reject(new Error(`${method}: ${error}`)),
      );
      child.send({ id: lastId, method, args });
    });
  const node = new Proxy({} as BlobNode, {
    get: (_target, method) =>
      // A promise is asked whether it is one.
      method === 'then' ? undefined : (...args: unknown[]) => ask(String(method), args),
  });
  return new Promise((resolve, reject) => {
    child.once('exit', (code) => reject(new Error(`a node ended with ${code}`)));
    child.on('message', (said: Said) => {
      if (said.ready === true) {
        resolve(node);
      } else if (said.id !== undefined) {
        waiting.get(said.id)?.(said);
        waiting.delete(said.id);
      }
    });
  });
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
