import { expect, test } from 'vitest';
import { pushChangesMax, shallowRootsMax } from './limits.ts';
import { overheard } from './push-commands.ts';

const id = 'a'.repeat(40);

function packets(count: number, line: (at: number) => string): Buffer {
  const lines = Array.from({ length: count }, (_, at) => {
    const text = line(at);
    return `${(text.length + 4).toString(16).padStart(4, '0')}${text}`;
  });
  return Buffer.from(lines.join(''));
}

/** How many bytes passed on to git, and how many shallow commits were told of. */
async function pass(...parts: readonly Buffer[]): Promise<{ bytes: number; shallow: number }> {
  let shallow = 0;
  let bytes = 0;
  async function* body(): AsyncGenerator<Uint8Array> {
    yield* parts;
  }
  for await (const piece of overheard(body(), () => void (shallow += 1))) {
    bytes += piece.length;
  }
  return { bytes, shallow };
}

const command = (at: number): string => `${id} ${id} refs/heads/branch-${at}`;
const root = (at: number): string => `shallow ${at.toString(16).padStart(40, '0')}`;
const refused = {
  code: 'INPUT_TOO_LARGE',
  facts: { pushChangesMax, shallowRootsMax },
};

test('a push changes so many refs; with one more nothing of it reaches git', async () => {
  const most = packets(pushChangesMax, command);
  await expect(pass(most)).resolves.toEqual({ bytes: most.length, shallow: 0 });
  await expect(pass(packets(pushChangesMax + 1, command))).rejects.toMatchObject(refused);
  await expect(pass(most, packets(1, command))).rejects.toMatchObject(refused);
});

test('a push names so many shallow commits; one more is INPUT_TOO_LARGE', async () => {
  const most = packets(shallowRootsMax, root);
  await expect(pass(most, packets(1, command))).resolves.toMatchObject({
    shallow: shallowRootsMax,
  });
  await expect(pass(packets(shallowRootsMax + 1, root))).rejects.toMatchObject(refused);
});
