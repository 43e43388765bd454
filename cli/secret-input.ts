// What a person types and nobody reads over their shoulder: asked on the terminal without echo, or
// read line by line from standard input where a program says so.
import { createInterface } from 'node:readline/promises';
import { Writable } from 'node:stream';
import type { LoginTerminal } from '@hansa/capabilities/logins/cli';
import { HansaError } from '@hansa/foundation';
import { answerOf } from './answering.ts';

const inputBytesMax = 65_536; // two passwords of the longest, in lines of their own, with room

export const loginTerminal: LoginTerminal = { secret };

let piped: AsyncIterator<string> | undefined;

function secret(question: string, fromInput: boolean): Promise<string> {
  return fromInput ? nextLine(question) : askHidden(question);
}

async function nextLine(question: string): Promise<string> {
  piped ??= linesOf(process.stdin);
  const { done, value } = await piped.next();
  if (done === true) {
    throw new HansaError('USAGE', `standard input ended before: ${question}`, {
      fix: 'one line for each: the old password first, where there is one',
    });
  }
  return value;
}

async function* linesOf(input: AsyncIterable<Uint8Array>): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  let rest = '';
  let size = 0;
  for await (const piece of input) {
    size += piece.length;
    if (size > inputBytesMax) {
      throw new HansaError(
        'INPUT_TOO_LARGE',
        `standard input has more than ${inputBytesMax} bytes`,
      );
    }
    const lines = (rest + decoder.decode(piece, { stream: true })).split('\n');
    rest = lines.pop() ?? '';
    yield* lines.map((line) => line.replace(/\r$/, ''));
  }
  if (rest !== '') {
    yield rest;
  }
  return undefined;
}

async function askHidden(question: string): Promise<string> {
  if (!process.stdin.isTTY) {
    throw new HansaError('USAGE', `no terminal to ask on: ${question}`, {
      fix: 'give it on standard input; --help names the option',
    });
  }
  const silent = new Writable({ write: (_piece, _encoding, done) => done() });
  const lines = createInterface({ input: process.stdin, output: silent, terminal: true });
  // Asked once nothing is echoed any more: whoever types fast is not read either.
  process.stderr.write(`${question}: `);
  try {
    return await answerOf(lines, '');
  } finally {
    lines.close();
    process.stderr.write('\n');
  }
}
