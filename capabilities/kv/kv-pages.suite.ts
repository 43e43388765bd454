// What the pages of any Kv must do, wherever it lives.
import { expect, test } from 'vitest';
import { pageEntriesMax, type Kv, type KvPage } from './contract.ts';
import type { With } from './kv-watch.suite.ts';

const config = { space: 'config' };

type Asked = Omit<Parameters<Kv['list']>[0], 'space' | 'cursor'>;

async function pagesOf(kv: Kv, asked: Asked, between = async (): Promise<unknown> => undefined) {
  const pages: KvPage[] = [];
  let cursor: string | undefined;
  do {
    const page = await kv.list({
      ...config,
      ...asked,
      ...(cursor === undefined ? {} : { cursor }),
    });
    pages.push(page);
    ({ cursor } = page);
    await between();
  } while (cursor !== undefined);
  return pages;
}

const keysIn = (pages: readonly KvPage[]): readonly string[] =>
  pages.flatMap(({ entries }) => entries.map(({ key }) => key));

async function fill(kv: Kv, keys: readonly string[]): Promise<void> {
  await Promise.all(keys.map((key) => kv.put({ ...config, key, text: key })));
}

export function pageSuite(withConfig: With): void {
  test('all pages show the state of the first one, whatever is written between them', () =>
    withConfig(async (kv) => {
      await fill(kv, ['a', 'b', 'c', 'd', 'e', 'f']);
      const before = await kv.list(config);
      let round = 0;
      const disturb = async (): Promise<void> => {
        round += 1;
        await kv.put({ ...config, key: 'd', text: `changed ${round}` });
        await kv.put({ ...config, key: `c-${round}`, text: 'new' });
        await kv.delete({ ...config, key: 'f' });
      };
      const pages = await pagesOf(kv, { limit: 2 }, disturb);
      expect(pages.flatMap(({ entries }) => entries)).toEqual(before.entries);
      expect(pages.map(({ revision }) => revision)).toEqual(pages.map(() => before.revision));
      const now = await kv.list(config);
      expect(keysIn([now])).toEqual(['a', 'b', 'c', 'c-1', 'c-2', 'c-3', 'd', 'e']);
      expect(now.revision).toBeGreaterThan(before.revision);
    }));

  test('a space that was emptied and removed in between is still shown as the first page had it', () =>
    withConfig(async (kv) => {
      await fill(kv, ['a', 'b', 'c']);
      const first = await kv.list({ ...config, limit: 1 });
      await kv.remove(config);
      const next = kv.list({ ...config, cursor: first.cursor });
      await expect(next).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
      await kv.create({ name: 'config' });
      await fill(kv, ['other']);
      const rest = await kv.list({ ...config, cursor: first.cursor });
      expect(keysIn([rest])).toEqual(['b', 'c']);
    }));

  test('a range begins with its first key and ends before its last, forward and back', () =>
    withConfig(async (kv) => {
      await fill(kv, ['a', 'b', 'b/1', 'b/2', 'b/é', 'c', 'd']);
      const keysOf = async (asked: Asked): Promise<readonly string[]> =>
        keysIn(await pagesOf(kv, { limit: 2, ...asked }));
      expect(await keysOf({ start: 'b', end: 'c' })).toEqual(['b', 'b/1', 'b/2', 'b/é']);
      expect(await keysOf({ start: 'b/2' })).toEqual(['b/2', 'b/é', 'c', 'd']);
      expect(await keysOf({ end: 'b/1' })).toEqual(['a', 'b']);
      expect(await keysOf({ reverse: true })).toEqual(['d', 'c', 'b/é', 'b/2', 'b/1', 'b', 'a']);
      expect(await keysOf({ start: 'b', end: 'c', reverse: true })).toEqual([
        'b/é',
        'b/2',
        'b/1',
        'b',
      ]);
      expect(await keysOf({ prefix: 'b/', start: 'b/2' })).toEqual(['b/2', 'b/é']);
      expect(await keysOf({ prefix: 'b/', end: 'b/2', reverse: true })).toEqual(['b/1']);
      expect(await keysOf({ start: 'c', end: 'b' })).toEqual([]);
      expect(await keysOf({ prefix: 'a', start: 'b' })).toEqual([]);
    }));

  test('keys alone come without their values', () =>
    withConfig(async (kv) => {
      await kv.put({ ...config, key: 'a', text: 'x' });
      await kv.put({ ...config, key: 'b', base64: '/w==' });
      const { entries } = await kv.list({ ...config, keysOnly: true });
      expect(entries).toEqual([
        expect.not.objectContaining({ text: 'x' }),
        expect.not.objectContaining({ base64: '/w==' }),
      ]);
      expect(entries).toMatchObject([
        { key: 'a', version: 1 },
        { key: 'b', version: 1 },
      ]);
    }));

  test('a page has so many entries at most, and says when each was made and last written', () =>
    withConfig(async (kv) => {
      const first = await kv.put({ ...config, key: 'a', text: '1' });
      const last = await kv.put({ ...config, key: 'a', text: '2' });
      const { entries } = await kv.list({ ...config, limit: pageEntriesMax });
      expect(entries).toMatchObject([
        { createRevision: first.revision, modRevision: last.revision, version: 2 },
      ]);
      const over = kv.list({ ...config, limit: pageEntriesMax + 1 });
      await expect(over).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    }));

  test('a cursor that no page came with is INPUT_INVALID', () =>
    withConfig(async (kv) => {
      await fill(kv, ['a', 'b']);
      const { cursor = '' } = await kv.list({ ...config, limit: 1 });
      const invalid = { code: 'INPUT_INVALID' };
      for (const wrong of ['?', 'AAAA', `${cursor}A`]) {
        const list = kv.list({ ...config, cursor: wrong });
        await expect(list).rejects.toMatchObject(invalid);
      }
    }));
}
