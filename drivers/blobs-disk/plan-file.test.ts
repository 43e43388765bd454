import { blobBytesMax, blobChunkBytes, blobIdSchema } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { checkPlan } from './plan-file.ts';

test('the plan of a blob of most bytes is good; of one byte more it is INPUT_INVALID', () => {
  const id = blobIdSchema.parse('ab'.repeat(32));
  const check = (sizeBytes: number): void => {
    const count = Math.ceil(sizeBytes / blobChunkBytes);
    checkPlan({ info: { id, sizeBytes }, chunks: Array.from({ length: count }, () => id) });
  };
  check(blobBytesMax);
  expect(() => check(blobBytesMax + 1)).toThrow(expect.objectContaining({ code: 'INPUT_INVALID' }));
});
