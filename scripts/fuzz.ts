// Throws bytes at the reader of signal frames: `npm run fuzz -- [--frames 1000000] [--seed 1]`. Any
// breach ends it with the bytes that did it; the last lines are counts, pace and memory.
import { parseArgs } from 'node:util';
import { toHex } from '@hansa/foundation';
import { goldenFrames, hostileFrame, tryFrame } from '../testkit/hostile-frames.ts';
import { createSeededRandom } from '../testkit/seeded-random.ts';

const framesDefault = 1_000_000; // what the requirement asks for
const frameMsMax = 1_000; // a frame has 64 KiB at most; what takes longer is no pause of the engine
const growthBytesMax = 64 * 1_048_576; // what a run may leave behind: tables of texts, warm code

const { values } = parseArgs({
  options: {
    frames: { type: 'string', default: String(framesDefault) },
    seed: { type: 'string', default: '1' },
  },
});
const frames = Number(values.frames);
const golden = goldenFrames();
const random = createSeededRandom(Number(values.seed), 'fuzz');
const heapBefore = process.memoryUsage().heapUsed;
const startedMs = performance.now();
let valid = 0;
let slowestMs = 0;

for (let i = 0; i < frames; i += 1) {
  const bytes = hostileFrame(random, golden);
  const beganMs = performance.now();
  try {
    valid += tryFrame(bytes.slice()) ? 1 : 0;
  } catch (error) {
    console.error(`frame ${i} of seed ${values.seed}: ${toHex(bytes)}`);
    throw error;
  }
  slowestMs = Math.max(slowestMs, performance.now() - beganMs);
}

const seconds = (performance.now() - startedMs) / 1_000;
const grownBytes = process.memoryUsage().heapUsed - heapBefore;
console.log(
  `${frames} frames in ${seconds.toFixed(1)} s, ${Math.round(frames / seconds)} a second`,
);
console.log(`${valid} were frames, ${frames - valid} were refused`);
console.log(
  `slowest ${slowestMs.toFixed(1)} ms, heap grown by ${(grownBytes / 1_048_576).toFixed(1)} MiB`,
);
if (slowestMs > frameMsMax || grownBytes > growthBytesMax) {
  console.error('one frame took too long, or memory was left behind');
  process.exitCode = 1;
}
