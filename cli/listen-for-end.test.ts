import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { listenForEnd } from './listen-for-end.ts';

class Listened extends EventEmitter {
  readonly exits: number[] = [];
  exit(code: number): void {
    this.exits.push(code);
  }
}

test.each(['SIGHUP', 'SIGINT', 'SIGTERM'])('%s asks for an end in order', async (name) => {
  const listened = new Listened();
  const end = listenForEnd(listened);
  listened.emit(name);
  await end.asked;
  expect([end.signal.aborted, listened.exits]).toEqual([true, []]);
});

test('the first signal asks for an end in order, the second ends at once', async () => {
  const listened = new Listened();
  const end = listenForEnd(listened);
  expect(end.signal.aborted).toBe(false);
  listened.emit('SIGTERM');
  await end.asked;
  expect(end.signal.reason).toMatchObject({ code: 'CANCELLED' });
  expect(listened.exits).toEqual([]);
  listened.emit('SIGINT');
  expect(listened.exits).toEqual([130]);
});
