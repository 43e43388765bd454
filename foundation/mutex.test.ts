import { expect, test } from 'vitest';
import { createMutex } from './mutex.ts';

test('work runs one at a time, in the order asked', async () => {
  const mutex = createMutex();
  const seen: string[] = [];
  const work = (name: string, turns: number) => async (): Promise<string> => {
    seen.push(`${name} begins`);
    for (let i = 0; i < turns; i += 1) {
      await Promise.resolve();
    }
    seen.push(`${name} ends`);
    return name;
  };
  const results = await Promise.all([mutex.run(work('slow', 9)), mutex.run(work('fast', 0))]);
  expect(results).toEqual(['slow', 'fast']);
  expect(seen).toEqual(['slow begins', 'slow ends', 'fast begins', 'fast ends']);
});

test('work that fails does not hold up what was asked after it', async () => {
  const mutex = createMutex();
  const failed = mutex.run(() => Promise.reject(new Error('no')));
  const next = mutex.run(async () => 'yes');
  await expect(failed).rejects.toThrow('no');
  await expect(next).resolves.toBe('yes');
  const thrown = mutex.run(() => {
    throw new Error('at once');
  });
  await expect(thrown).rejects.toThrow('at once');
});
