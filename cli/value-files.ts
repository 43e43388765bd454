// Values between a command and files or standard streams: bytes as they are.
import { createReadStream } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { HansaError, reportOf } from '@hansa/foundation';
import { lastingTerminal } from './terminal.ts';

export interface ValueFiles {
  read(path: string): Promise<Uint8Array>;
  write(path: string, bytes: Uint8Array): Promise<void>;
  print(item: unknown, line: string): Promise<void>;
}

const fileBytesMax: number = 1_024 * 1_024; // more than any value: told before it is sent

/** `-` is standard input. */
export const valueFiles: ValueFiles = {
  async read(path) {
    try {
      return await gather(path, path === '-' ? process.stdin : createReadStream(path));
    } catch (cause) {
      if (reportOf(cause).code !== 'INTERNAL') {
        throw cause;
      }
      throw new HansaError('INPUT_INVALID', `${path} cannot be read`, { cause });
    }
  },
  async write(path, bytes) {
    try {
      await writeFile(path, bytes);
    } catch (cause) {
      throw new HansaError('INPUT_INVALID', `${path} cannot be written`, { cause });
    }
  },
  print: (item, line) => lastingTerminal.print(item, line),
};

async function gather(
  path: string,
  pieces: AsyncIterable<Uint8Array | string>,
): Promise<Uint8Array> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const piece of pieces) {
    const part = Buffer.from(piece);
    parts.push(part);
    bytes += part.length;
    if (bytes > fileBytesMax) {
      throw new HansaError('INPUT_TOO_LARGE', `${path} is over ${fileBytesMax} bytes`);
    }
  }
  return Uint8Array.from(Buffer.concat(parts));
}
