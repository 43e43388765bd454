import { expect, test } from 'vitest';
import { createKeyedMutex, createMutex } from './mutex.ts';

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

test('work of one key runs one at a time, work of another key beside it', async () => {
  const mutex = createKeyedMutex<string>();
  const seen: string[] = [];
  let open = (): void => undefined;
  const gate = new Promise<void>((resolve) => {
    open = resolve;
  });
  const first = mutex.run('a', async () => {
    await gate;
    seen.push('first of a');
  });
  const second = mutex.run('a', async () => {
    seen.push('second of a');
  });
  await mutex.run('b', async () => {
    seen.push('b');
  });
  open();
  await Promise.all([first, second]);
  expect(seen).toEqual(['b', 'first of a', 'second of a']);
});

test('a key whose work failed is free again', async () => {
  const mutex = createKeyedMutex<string>();
  await expect(mutex.run('a', () => Promise.reject(new Error('no')))).rejects.toThrow('no');
  await expect(mutex.run('a', async () => 'yes')).resolves.toBe('yes');
});
