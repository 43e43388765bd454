import { HansaError, type Call, type Contract } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { z } from 'zod';
import { roads, type Road } from './roads.ts';

interface Post {
  send(input: { to: string; words: string }, call?: Call): Promise<{ stamp: number }>;
  forget(input: { to: string }, call?: Call): Promise<undefined>;
  letters(input: { to: string }, call?: Call): AsyncIterable<{ page: number; text: string }>;
}

const to = z.string();
const contract: Contract<Post> = {
  name: 'post',
  version: 1,
  methods: {
    send: {
      summary: 'Sends a letter.',
      permission: 'post.write',
      route: 'POST /post',
      input: z.object({ to, words: z.string() }),
      output: z.object({ stamp: z.number() }),
      errors: ['DISK_FULL'],
    },
    forget: {
      summary: 'Forgets somebody.',
      permission: 'post.write',
      route: 'DELETE /post/:to',
      input: z.object({ to }),
      output: z.undefined(),
      errors: [],
    },
    letters: {
      watch: true,
      summary: 'The letters of somebody.',
      permission: 'post.read',
      route: 'GET /post/:to',
      input: z.object({ to }),
      output: z.object({ page: z.number(), text: z.string() }),
      errors: ['DISK_FULL'],
    },
  },
};

const letterText = 'x'.repeat(64 * 1_024); // large: a socket's buffers take a few dozen of them
const seen = { written: 0, signals: [] as AbortSignal[] };

async function* write(count: number): AsyncGenerator<{ page: number; text: string }> {
  for (let page = 0; page < count; page += 1) {
    seen.written += 1;
    yield { page, text: letterText };
  }
}

/** What happens is decided by whom the letter is for. */
const post: Post = {
  async send({ to: name, words }, call) {
    if (call?.signal !== undefined) {
      seen.signals.push(call.signal);
    }
    if (name === 'full') {
      throw new HansaError('DISK_FULL', 'no room', { fix: 'burn some', facts: { letters: 3 } });
    }
    if (name === 'broken') {
      throw new Error('the secret is out');
    }
    return name === 'never' ? new Promise(() => undefined) : { stamp: words.length };
  },
  forget: async () => undefined,
  async *letters({ to: name }, call) {
    if (call?.signal !== undefined) {
      seen.signals.push(call.signal);
    }
    if (name === 'quiet') {
      await new Promise(() => undefined);
    }
    yield* write(name === 'endless' ? Number.POSITIVE_INFINITY : 3);
    if (name === 'full') {
      throw new HansaError('DISK_FULL', 'no room');
    }
  },
};

const everyRoad = roads<Post>(contract, () => {
  seen.written = 0;
  seen.signals.length = 0;
  return post;
});

async function along(road: Road<Post>, act: (far: Post) => Promise<void>): Promise<void> {
  const { service, close } = await road.make();
  try {
    await act(service);
  } finally {
    await close();
  }
}

function open<T>(items: AsyncIterable<T>): AsyncIterator<T> {
  return items[Symbol.asyncIterator]();
}

test('a contract travels three roads, and only two where a method has no route', () => {
  expect(everyRoad.map(({ name }) => name)).toEqual(['in process', 'over the wire', 'over HTTP']);
  const { route: _route, ...send } = contract.methods.send;
  const peer: Contract<Post> = { ...contract, methods: { ...contract.methods, send } };
  expect(roads(peer, () => post).map(({ name }) => name)).toEqual(['in process', 'over the wire']);
});

describe.each(everyRoad)('$name', (road) => {
  test('a call brings its answer, or nothing where nothing is promised', () =>
    along(road, async (far) => {
      await expect(far.send({ to: 'ada', words: 'four' })).resolves.toEqual({ stamp: 4 });
      await expect(far.forget({ to: 'ada' })).resolves.toBeUndefined();
    }));

  test('a declared error brings its code, sentence, fix and facts', () =>
    along(road, async (far) => {
      await expect(far.send({ to: 'full', words: '' })).rejects.toMatchObject({
        code: 'DISK_FULL',
        message: 'no room',
        fix: 'burn some',
        facts: { letters: 3 },
      });
    }));

  test('an undeclared error is INTERNAL and keeps its text', () =>
    along(road, async (far) => {
      const error: unknown = await far.send({ to: 'broken', words: '' }).catch((e: unknown) => e);
      expect(error).toMatchObject({ code: 'INTERNAL' });
      expect(String(error)).not.toContain('secret');
    }));

  test('an input that does not fit is INPUT_INVALID with the field’s name', () =>
    along(road, async (far) => {
      const wrong = { to: 'ada', words: 7 } as unknown as { to: string; words: string };
      await expect(far.send(wrong)).rejects.toMatchObject({
        code: 'INPUT_INVALID',
        message: /"words"/,
      });
    }));

  test('a cancelled call is CANCELLED, and its service’s signal aborts', () =>
    along(road, async (far) => {
      const stop = new AbortController();
      const call = far.send({ to: 'never', words: '' }, { signal: stop.signal });
      const outcome = call.catch((error: unknown) => error);
      await expect.poll(() => seen.signals.length).toBe(1);
      stop.abort();
      expect(await outcome).toMatchObject({ code: 'CANCELLED' });
      await expect.poll(() => seen.signals[0]?.aborted).toBe(true);
    }));

  test('a watch brings its items in order and ends, or ends with its error', () =>
    along(road, async (far) => {
      const pages: number[] = [];
      for await (const { page } of far.letters({ to: 'ada' })) {
        pages.push(page);
      }
      expect(pages).toEqual([0, 1, 2]);
      const items = open(far.letters({ to: 'full' }));
      await items.next();
      await items.next();
      await items.next();
      await expect(items.next()).rejects.toMatchObject({ code: 'DISK_FULL' });
      await expect(items.next()).resolves.toMatchObject({ done: true });
    }));

  test('a reader that stops, stops the writer; when it leaves, the writer’s signal aborts', () =>
    along(road, async (far) => {
      const items = open(far.letters({ to: 'endless' }));
      await items.next();
      let before = -1;
      await expect
        .poll(() => {
          const isStill = seen.written === before;
          before = seen.written;
          return isStill;
        })
        .toBe(true);
      expect(seen.written).toBeLessThan(1_000);
      await items.return?.();
      await expect.poll(() => seen.signals[0]?.aborted).toBe(true);
    }));

  test('leaving a quiet watch takes no item', () =>
    along(road, async (far) => {
      const items = open(far.letters({ to: 'quiet' }));
      const next = items.next();
      await expect.poll(() => seen.signals.length).toBe(1);
      await items.return?.();
      await expect(next).resolves.toMatchObject({ done: true });
      await expect.poll(() => seen.signals[0]?.aborted).toBe(true);
    }));

  test('an aborted watch is CANCELLED', () =>
    along(road, async (far) => {
      const stop = new AbortController();
      const next = open(far.letters({ to: 'quiet' }, { signal: stop.signal })).next();
      const outcome = next.catch((error: unknown) => error);
      await expect.poll(() => seen.signals.length).toBe(1);
      stop.abort();
      expect(await outcome).toMatchObject({ code: 'CANCELLED' });
      await expect.poll(() => seen.signals[0]?.aborted).toBe(true);
    }));
});
