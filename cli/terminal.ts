// Standard input and output for commands that last: lines as they come in, items as they are known.
// Everything else is shown once, at a command's end, by `rendering.ts`.
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { HansaError } from '@hansa/foundation';

export interface LastingTerminal {
  lines(): AsyncIterable<readonly string[]>;
  print(item: unknown, line: string): Promise<void>;
}

const lineBytesMax: number = 1_024 * 1_024; // more than any message: whoever sends it meant a file

export const lastingTerminal: LastingTerminal = {
  lines: () => wholeLines(process.stdin),
  async print(item, line) {
    const text = asksForPrograms(process.argv.slice(2)) ? JSON.stringify(item) : safe(line);
    if (!process.stdout.write(`${text}\n`)) {
      await once(process.stdout, 'drain');
    }
  },
};

/** Lines without their ends; what ends without one is a line too. */
export async function* wholeLines(
  input: AsyncIterable<Uint8Array | string>,
): AsyncIterable<readonly string[]> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  for await (const piece of input) {
    rest +=
      typeof piece === 'string' ? piece : decode(() => decoder.decode(piece, { stream: true }));
    const lines = rest.split('\n');
    rest = lines.pop() ?? '';
    if (rest.length > lineBytesMax) {
      throw new HansaError('INPUT_TOO_LARGE', `a line has more than ${lineBytesMax} bytes`);
    }
    if (lines.length > 0) {
      yield lines.map((line) => line.replace(/\r$/, ''));
    }
  }
  rest += decode(() => decoder.decode());
  if (rest !== '') {
    yield [rest];
  }
}

function decode(read: () => string): string {
  try {
    return read();
  } catch (error) {
    throw new HansaError('INPUT_INVALID', 'standard input is not UTF-8', { cause: error });
  }
}

/** The same option that the whole program reads; a command is not told how its answer is shown. */
export function asksForPrograms(args: readonly string[]): boolean {
  const { values } = parseArgs({
    args: [...args],
    options: { output: { type: 'string', short: 'o' } },
    strict: false,
  });
  return values['output'] === 'json' || values['output'] === 'yaml';
}

/** Messages come from other clusters: what a terminal would obey is shown instead. */
function safe(line: string): string {
  return line.replaceAll(/\p{C}/gu, (character) =>
    [...character].map((each) => `\\u{${(each.codePointAt(0) ?? 0).toString(16)}}`).join(''),
  );
}
