// Answers read within bounds: a whole text, or JSON texts line by line at the reader's pace.
import type { IncomingMessage } from 'node:http';
import { HansaError } from '@hansa/foundation';

// a thousand of the largest stored values, in base64
export const answerBytesMax: number = 64 * 1_024 * 1_024;
// one item of a watch; far above any contract's
export const lineBytesMax: number = 16 * 1_024 * 1_024;

export async function wholeText(response: IncomingMessage): Promise<string> {
  const parts: Buffer[] = [];
  let size = 0;
  try {
    for await (const part of response as AsyncIterable<Buffer>) {
      size += part.length;
      if (size > answerBytesMax) {
        throw tooLarge('the node’s answer', answerBytesMax);
      }
      parts.push(part);
    }
  } catch (error) {
    throw error instanceof HansaError
      ? error
      : new HansaError('CONNECTION_CLOSED', 'the node’s answer broke off', { cause: error });
  }
  return Buffer.concat(parts).toString('utf8');
}

/** Each line's object; what is not one is OUTPUT_INVALID. */
export async function* jsonLines(
  response: IncomingMessage,
): AsyncGenerator<Readonly<Record<string, unknown>>> {
  let parts: Buffer[] = [];
  let size = 0;
  for await (const chunk of response as AsyncIterable<Buffer>) {
    let from = 0;
    for (let at = chunk.indexOf(10); at >= 0; at = chunk.indexOf(10, from)) {
      requireLine(size + at - from);
      parts.push(chunk.subarray(from, at));
      yield lineOf(Buffer.concat(parts).toString('utf8'));
      parts = [];
      size = 0;
      from = at + 1;
    }
    size += chunk.length - from;
    requireLine(size);
    parts.push(chunk.subarray(from));
  }
}

function requireLine(bytes: number): void {
  if (bytes > lineBytesMax) {
    throw tooLarge('a line of the node’s answer', lineBytesMax);
  }
}

function lineOf(text: string): Readonly<Record<string, unknown>> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) {
      return Object.fromEntries(Object.entries(value));
    }
  } catch {
    // Said below, for both.
  }
  throw new HansaError('OUTPUT_INVALID', 'the node’s answer has a line that is no JSON object');
}

function tooLarge(what: string, bytesMax: number): HansaError {
  return new HansaError('OUTPUT_INVALID', `${what} is over ${bytesMax} bytes`);
}
