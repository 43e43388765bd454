import { EventEmitter } from 'node:events';
import { expect, test } from 'vitest';
import { listenForEnd } from './listen-for-end.ts';

class Listened extends EventEmitter {
  readonly exits: number[] = [];
  exit(code: number): void {
    this.exits.push(code);
  }
}

test('a hangup is heard only where that was asked for', async () => {
  const listened = new Listened();
  const deaf = listenForEnd(listened);
  listened.emit('SIGHUP');
  expect(deaf.signal.aborted).toBe(false);
  const hearing = listenForEnd(listened, ['SIGHUP']);
  listened.emit('SIGHUP');
  expect(hearing.signal.aborted).toBe(true);
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
