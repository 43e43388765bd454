import { describe, expect, test } from 'vitest';
import { changedKeys } from './changed-keys.ts';

function source(): {
  tell(key: string): void;
  readonly listeners: Set<(key: string) => void>;
  subscribe(changed: (key: string) => void): () => void;
} {
  const listeners = new Set<(key: string) => void>();
  return {
    listeners,
    tell: (key) => listeners.forEach((listener) => listener(key)),
    subscribe(changed) {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
  };
}

function open(
  from: ReturnType<typeof source>,
  signal?: AbortSignal,
): AsyncIterator<string, unknown, undefined> {
  return changedKeys<string>((changed) => from.subscribe(changed), signal)[Symbol.asyncIterator]();
}

describe('changes read as a stream', () => {
  test('come once each, however often a key changed while the reader was busy', async () => {
    const from = source();
    const items = open(from);
    const first = items.next();
    from.tell('a');
    await expect(first).resolves.toMatchObject({ value: 'a' });
    for (let i = 0; i < 1_000; i += 1) {
      from.tell('b');
      from.tell('c');
    }
    await expect(items.next()).resolves.toMatchObject({ value: 'b' });
    await expect(items.next()).resolves.toMatchObject({ value: 'c' });
    const last = items.next();
    from.tell('b');
    await expect(last).resolves.toMatchObject({ value: 'b' });
    await items.return?.();
  });

  test('a key that changes again while it is being read comes again', async () => {
    const from = source();
    const items = open(from);
    const first = items.next();
    from.tell('a');
    await first;
    from.tell('a');
    await expect(items.next()).resolves.toMatchObject({ value: 'a' });
    await items.return?.();
  });

  test('end when the signal aborts, also while nothing happens', async () => {
    const from = source();
    const stop = new AbortController();
    const items = open(from, stop.signal);
    const next = items.next();
    stop.abort();
    await expect(next).resolves.toMatchObject({ done: true });
    expect(from.listeners.size).toBe(0);
  });

  test('are not subscribed to for a signal that has aborted before', async () => {
    const from = source();
    await expect(open(from, AbortSignal.abort()).next()).resolves.toMatchObject({ done: true });
    expect(from.listeners.size).toBe(0);
  });

  test('leave no subscription behind when the reader goes', async () => {
    const from = source();
    const items = open(from);
    const first = items.next();
    from.tell('a');
    await first;
    expect(from.listeners.size).toBe(1);
    await items.return?.();
    expect(from.listeners.size).toBe(0);
  });
});
