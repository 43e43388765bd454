import { Readable } from 'node:stream';
import type { IncomingMessage } from 'node:http';
import { expect, test } from 'vitest';
import { answerBytesMax, jsonLines, lineBytesMax, wholeText } from './http-answer.ts';

const pieceBytes = 1_024 * 1_024;

/** In pieces, as they would come from a socket. */
function answer(text: Buffer): IncomingMessage {
  function* pieces(): Iterable<Buffer> {
    for (let at = 0; at < text.length; at += pieceBytes) {
      yield text.subarray(at, at + pieceBytes);
    }
  }
  return Readable.from(pieces()) as IncomingMessage;
}

test('an answer has so many bytes; one more is refused', async () => {
  const text = Buffer.alloc(answerBytesMax + 1, 'x');
  expect((await wholeText(answer(text.subarray(1)))).length).toBe(answerBytesMax);
  await expect(wholeText(answer(text))).rejects.toMatchObject({ code: 'OUTPUT_INVALID' });
});

test('a line of an answer has so many bytes; one more is refused', async () => {
  const lines = async (bytes: number) => {
    const frame = '{"text":""}'.length;
    const found: number[] = [];
    const text = Buffer.from(`{"text":"${'x'.repeat(bytes - frame)}"}`);
    for await (const { text: held } of jsonLines(
      answer(Buffer.concat([text, Buffer.from('\n')])),
    )) {
      found.push(String(held).length + frame);
    }
    return found;
  };
  expect(await lines(lineBytesMax)).toEqual([lineBytesMax]);
  await expect(lines(lineBytesMax + 1)).rejects.toMatchObject({ code: 'OUTPUT_INVALID' });
});
