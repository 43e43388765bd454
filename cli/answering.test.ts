import { createInterface, type Interface } from 'node:readline/promises';
import { PassThrough } from 'node:stream';
import { expect, onTestFinished, test } from 'vitest';
import { answerOf } from './answering.ts';

function terminal(): { readonly input: PassThrough; readonly lines: Interface } {
  const input = new PassThrough();
  const lines = createInterface({ input, output: new PassThrough(), terminal: true });
  onTestFinished(() => lines.close());
  return { input, lines };
}

test('an answer is the line that was typed', async () => {
  const { input, lines } = terminal();
  const answer = answerOf(lines, 'sure? ');
  input.write('yes\r');
  expect(await answer).toBe('yes');
});

test.each([
  ['Ctrl-C', '\u0003'],
  ['Ctrl-D', '\u0004'],
])('%s leaves the question', async (_what, key) => {
  const { input, lines } = terminal();
  const answer = answerOf(lines, 'sure? ');
  input.write(key);
  await expect(answer).rejects.toMatchObject({ code: 'CANCELLED' });
});

test('so does the end of the input, and of the command', async () => {
  const ended = terminal();
  const unanswered = answerOf(ended.lines, 'sure? ');
  ended.input.end();
  await expect(unanswered).rejects.toMatchObject({ code: 'CANCELLED' });
  const ending = new AbortController();
  const stopped = answerOf(terminal().lines, 'sure? ', ending.signal);
  ending.abort();
  await expect(stopped).rejects.toMatchObject({ code: 'CANCELLED' });
});
