// A process of its own that works with blobs on a disk, for tests that kill it or weigh it. It runs
// a script in which `blobs`, `say` (a line to the test) and `counted` (a blob's worth of bytes) are
// given.
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { bundleScript } from './bundle.ts';

export interface BlobProcess {
  /** The lines it says, until it ends. */
  readonly lines: AsyncIterable<string>;
  /** Ends it as a power switch would; resolves when it is gone. */
  kill(): Promise<void>;
  /** Its exit code, null where it was killed. */
  readonly ended: Promise<number | null>;
}

const prelude = (folder: string): string => `
import { createNodeCrypto } from '@hansa/crypto-node';
import { createSystemRandom } from '@hansa/system-node';
import { openDiskBlobs } from '@hansa/blobs-disk';
import { writeSync } from 'node:fs';
const crypto = createNodeCrypto();
const folder = ${JSON.stringify(folder)};
const blobs = await openDiskBlobs({ folder, crypto, random: createSystemRandom() });
// Synchronous, so that the test has heard everything that was said before a kill.
const say = (line) => writeSync(1, line + '\\n');
const counted = (sizeBytes, seed) =>
  Uint8Array.from({ length: sizeBytes }, (_, i) => (Math.imul(i + seed, 2_654_435_761) >>> 24));
`;

export async function startBlobProcess(folder: string, script: string): Promise<BlobProcess> {
  const program = await bundleScript(prelude(folder) + script);
  const child = spawn(process.execPath, ['--expose-gc', program.path], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = new Promise<number | null>((resolve) => {
    child.once('close', (code) => {
      program.remove();
      resolve(code);
    });
  });
  return {
    lines: createInterface({ input: child.stdout }),
    ended,
    async kill() {
      child.kill('SIGKILL');
      await ended;
    },
  };
}

/** The bytes that `counted` gives in the process. */
export function countedBytes(sizeBytes: number, seed: number): Uint8Array {
  return Uint8Array.from(
    { length: sizeBytes },
    (_, i) => Math.imul(i + seed, 2_654_435_761) >>> 24,
  );
}
