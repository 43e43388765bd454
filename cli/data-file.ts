// A file that a command is given, as data: YAML, and so JSON as well.
import { open } from 'node:fs/promises';
import { HansaError, reportOf } from '@hansa/foundation';
import { parse, YAMLParseError } from 'yaml';

// what the API takes in one request; YAML is seldom shorter than the JSON that it becomes
const fileBytesMax: number = 4 * 1_024 * 1_024;
// names that stand for the same part again: a few lines can mean millions
const aliasesMax = 100;
// the one thing that is found out when the text has been read
const aliasWrong = 'a name that stands for another part is not known, or stands for too much';

/** INPUT_INVALID where the file is not there, is too large, or is not YAML. */
export async function readDataFile(path: string): Promise<unknown> {
  const text = await readText(path);
  try {
    return parse(text, { maxAliasCount: aliasesMax, logLevel: 'error' }) as unknown;
  } catch (error) {
    // Its further lines, and so its cause, show what the file says, which may be a secret.
    const [why = ''] = error instanceof YAMLParseError ? error.message.split('\n') : [aliasWrong];
    throw new HansaError('INPUT_INVALID', `${path} is neither YAML nor JSON: ${why}`);
  }
}

async function readText(path: string): Promise<string> {
  if (path === '-') {
    return gather(path, process.stdin);
  }
  try {
    const file = await open(path);
    try {
      return await gather(path, file.createReadStream({ autoClose: false }));
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (reportOf(cause).code !== 'INTERNAL') {
      throw cause;
    }
    throw new HansaError('INPUT_INVALID', `${path} cannot be read`, { cause });
  }
}

async function gather(path: string, chunks: AsyncIterable<Uint8Array | string>): Promise<string> {
  const parts: Buffer[] = [];
  let bytes = 0;
  for await (const chunk of chunks) {
    parts.push(Buffer.from(chunk as Uint8Array));
    bytes += chunk.length;
    if (bytes > fileBytesMax) {
      throw new HansaError('INPUT_TOO_LARGE', `${path} is over ${fileBytesMax} bytes`);
    }
  }
  return Buffer.concat(parts).toString('utf8');
}
