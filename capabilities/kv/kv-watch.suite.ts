// What the watches of any Kv must do, wherever it lives.
import { expect, test } from 'vitest';
import type { Kv, KvChange } from './contract.ts';

const config = { space: 'config' };

/** Runs a test against a cluster; where it is `withConfig`, one that has made the space. */
export type With = (act: (kv: Kv) => Promise<void>) => Promise<void>;

/** The part of `kvSuite` about watches. */
export function watchSuite(withConfig: With): void {
  test('a watch tells every change from now on, whole, in order and once', () =>
    withConfig(async (kv) => {
      await kv.put({ ...config, key: 'before', text: '' });
      const items = kv.watch(config)[Symbol.asyncIterator]();
      const first = items.next();
      await begun(kv, first);
      await kv.put({ ...config, key: 'a', text: '1' });
      const then = [{ put: { key: 'b', base64: '/w==' } }, { delete: { key: 'a' } }];
      const { revision } = await kv.transact({ ...config, if: [], then });
      const told = await untilRevision(items, first, revision);
      expect(
        told.flatMap(({ events }) => events).filter(({ key }) => !key.startsWith('begun')),
      ).toEqual([
        expect.objectContaining({ type: 'put', key: 'a', text: '1' }),
        expect.objectContaining({ type: 'put', key: 'b', base64: '/w==' }),
        { type: 'delete', key: 'a' },
      ]);
      expect(told.at(-1)?.events).toHaveLength(2);
      await items.return?.();
    }));

  test('a watch after a revision misses nothing that came since, and repeats nothing', () =>
    withConfig(async (kv) => {
      await kv.put({ ...config, key: 'a', text: '1' });
      const { revision } = await kv.list(config);
      await kv.put({ ...config, key: 'b', text: '2' });
      await kv.delete({ ...config, key: 'a' });
      const items = kv.watch({ ...config, from: revision })[Symbol.asyncIterator]();
      await expect(items.next()).resolves.toMatchObject({ value: { events: [{ key: 'b' }] } });
      await expect(items.next()).resolves.toMatchObject({
        value: { events: [{ type: 'delete', key: 'a' }] },
      });
      const next = items.next();
      await kv.put({ ...config, key: 'c', text: '3' });
      await expect(next).resolves.toMatchObject({ value: { events: [{ key: 'c' }] } });
      await items.return?.();
    }));

  test('a watch after 0 tells everything that is kept; one of a prefix or a key, nothing else', () =>
    withConfig(async (kv) => {
      for (const key of ['x/1', 'y/1', 'x/2', 'y/2']) {
        await kv.put({ ...config, key, text: key });
      }
      const all = await take(kv, { from: 0 }, 4);
      expect(all).toEqual(['x/1', 'y/1', 'x/2', 'y/2']);
      expect(await take(kv, { from: 0, prefix: 'y/' }, 2)).toEqual(['y/1', 'y/2']);
      expect(await take(kv, { from: 0, key: 'x/2' }, 1)).toEqual(['x/2']);
    }));

  test('a revision that a space never had is REVISION_GONE', () =>
    withConfig(async (kv) => {
      const { revision } = await kv.put({ ...config, key: 'a', text: '1' });
      await kv.remove(config);
      await kv.create({ name: 'config' });
      await kv.put({ ...config, key: 'b', text: '1' });
      const items = kv.watch({ ...config, from: revision })[Symbol.asyncIterator]();
      await expect(items.next()).rejects.toMatchObject({ code: 'REVISION_GONE' });
    }));

  test('a watch ends when its space is removed', () =>
    withConfig(async (kv) => {
      const { revision } = await kv.put({ ...config, key: 'a', text: '1' });
      const items = kv.watch({ ...config, from: revision })[Symbol.asyncIterator]();
      const ended = items.next().catch((error: unknown) => error);
      await kv.remove(config);
      expect(await ended).toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
    }));

  test('a watch tells what stood there before, where it is asked to', () =>
    withConfig(async (kv) => {
      const first = await kv.put({ ...config, key: 'a', text: '1' });
      await kv.put({ ...config, key: 'a', text: '2' });
      const then = [{ delete: { key: 'a' } }, { put: { key: 'b', base64: '/w==' } }];
      await kv.transact({ ...config, if: [], then });
      const items = kv
        .watch({ ...config, from: first.revision - 1, prev: true })
        [Symbol.asyncIterator]();
      const told: unknown[] = [];
      for (let n = 0; n < 3; n += 1) {
        const { value } = await items.next();
        told.push(...(value as KvChange).events);
      }
      expect(told).toMatchObject([
        { type: 'put', key: 'a', text: '1', prev: null },
        { type: 'put', key: 'a', text: '2', prev: { text: '1', version: 1 } },
        { type: 'delete', key: 'a', prev: { text: '2', version: 2 } },
        { type: 'put', key: 'b', base64: '/w==', prev: null },
      ]);
      await items.return?.();
      const mirror = kv.watch({ space: 'bergen:config', prev: true })[Symbol.asyncIterator]();
      await expect(mirror.next()).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    }));

  const take = async (kv: Kv, asked: object, count: number): Promise<string[]> => {
    const found: string[] = [];
    for await (const { events } of kv.watch({ ...config, ...asked })) {
      found.push(...events.map(({ key }) => key));
      if (found.length >= count) {
        break;
      }
    }
    return found;
  };
}

/** Writes until a watch that begins now has begun: over a road, that takes a moment. */
async function begun(kv: Kv, first: Promise<unknown>): Promise<void> {
  let told = false;
  void first.then(() => {
    told = true;
  });
  for (let n = 0; !told; n += 1) {
    await kv.put({ ...config, key: `begun-${n}`, text: '' });
  }
}

async function untilRevision(
  items: AsyncIterator<KvChange>,
  first: Promise<IteratorResult<KvChange>>,
  revision: number,
): Promise<readonly KvChange[]> {
  const told: KvChange[] = [];
  for (let each = await first; each.done !== true; each = await items.next()) {
    told.push(each.value);
    if (each.value.revision >= revision) {
      break;
    }
  }
  return told;
}
