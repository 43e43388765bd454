// What any Kv must do, wherever it lives. The cluster behind the road is `lubeck` and owns no space
// yet; `bergen:config` is a mirror of which nothing has arrived.
import { describe, expect, test } from 'vitest';
import type { Road } from '../../testkit/roads.ts';
import { pageBytesMax, transactOpsMax, valueBytesMax, type Kv } from './contract.ts';
import { batchSuite } from './kv-batch.suite.ts';
import { leaseSuite } from './kv-leases.suite.ts';
import { pageSuite } from './kv-pages.suite.ts';
import { watchSuite, type With } from './kv-watch.suite.ts';

const config = { space: 'config' };

export function kvSuite(road: Road<Kv>): void {
  const withKv = async (act: (kv: Kv) => Promise<void>): Promise<void> => {
    const { service, close } = await road.make();
    try {
      await act(service);
    } finally {
      await close();
    }
  };
  const withConfig = (act: (kv: Kv) => Promise<void>): Promise<void> =>
    withKv(async (kv) => {
      await kv.create({ name: 'config' });
      await act(kv);
    });
  describe(`spaces ${road.name}`, () => spaces(withKv));
  describe(`keys ${road.name}`, () => keys(withConfig));
  describe(`transactions ${road.name}`, () => transactions(withConfig));
  describe(`watches ${road.name}`, () => watchSuite(withConfig));
  describe(`pages ${road.name}`, () => pageSuite(withConfig));
  describe(`batches ${road.name}`, () => batchSuite(withConfig));
  describe(`leases ${road.name}`, () => leaseSuite(withConfig));
}

function spaces(withKv: With): void {
  test('a space is made with its words, listed beside the mirrors, and removed', () =>
    withKv(async (kv) => {
      const words = { type: 'app/config', description: 'ports', labels: { tier: 'gold' } };
      const made = await kv.create({ name: 'config', ...words, rule: 'merge', shared: true });
      expect(made).toMatchObject({ ...words, name: 'config', role: 'own', ownerName: 'lubeck' });
      expect(made).toMatchObject({ rule: 'merge', shared: true, epoch: 1 });
      const { spaces: all } = await kv.spaces({});
      expect(all.map(({ role, name }) => `${role} ${name}`)).toEqual([
        'own config',
        'mirror config',
      ]);
      await expect(kv.show({ space: 'kv/config' })).resolves.toEqual(made);
      await kv.put({ ...config, key: 'port', text: '1' });
      await expect(kv.remove(config)).resolves.toMatchObject({ name: 'config' });
      await expect(kv.show(config)).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
      await kv.create({ name: 'config' });
      await expect(kv.list(config)).resolves.toMatchObject({ entries: [] });
    }));

  test('a space is not made by writing to it: the refusal says how to make it', () =>
    withKv(async (kv) => {
      const put = kv.put({ ...config, key: 'port', text: '1' });
      const how = { code: 'RESOURCE_NOT_FOUND', fix: expect.stringContaining('hansa kv create') };
      await expect(put).rejects.toMatchObject(how);
    }));

  test('a mirror is read and watched like an own space, and written by its owner alone', () =>
    withKv(async (kv) => {
      const mirror = { space: 'bergen:config' };
      await expect(kv.list(mirror)).resolves.toEqual({ entries: [], revision: 0 });
      const get = kv.get({ ...mirror, key: 'port' });
      await expect(get).rejects.toMatchObject({ code: 'ENTRY_NOT_FOUND' });
      const refused = {
        code: 'RESOURCE_READ_ONLY',
        message: expect.stringContaining('bergen owns config'),
        fix: expect.stringContaining('hansa sync push bergen:kv/config'),
      };
      await expect(kv.put({ ...mirror, key: 'a', text: '' })).rejects.toMatchObject(refused);
      await expect(kv.delete({ ...mirror, key: 'a' })).rejects.toMatchObject(refused);
      const transact = kv.transact({ ...mirror, if: [], then: [] });
      await expect(transact).rejects.toMatchObject(refused);
      await expect(kv.remove(mirror)).rejects.toMatchObject(refused);
    }));
}

function keys(withConfig: With): void {
  test('a value is written, read with its version, overwritten and deleted', () =>
    withConfig(async (kv) => {
      const port = { ...config, key: 'http/port' };
      const first = await kv.put({ ...port, text: '80' });
      expect(first).toMatchObject({ key: 'http/port', version: 1 });
      const second = await kv.put({ ...port, text: '8080' });
      expect(second.version).toBe(2);
      expect(second.revision).toBeGreaterThan(first.revision);
      const read = await kv.get(port);
      expect(read).toMatchObject({ key: 'http/port', text: '8080', version: 2 });
      expect(read.revision).toBe(second.revision);
      await expect(kv.delete(port)).resolves.toMatchObject({ deleted: true });
      await expect(kv.delete(port)).resolves.toMatchObject({ deleted: false });
      await expect(kv.get(port)).rejects.toMatchObject({ code: 'ENTRY_NOT_FOUND' });
      await expect(kv.put({ ...port, text: 'x' })).resolves.toMatchObject({ version: 1 });
    }));

  test('bytes that are no text travel as base64, text as itself, also where it looks like base64', () =>
    withConfig(async (kv) => {
      await kv.put({ ...config, key: 'bytes', base64: '/+8A' });
      await kv.put({ ...config, key: 'url', base64: '_-8A' });
      await kv.put({ ...config, key: 'text', text: '/+8A' });
      await kv.put({ ...config, key: 'spelled', base64: 'aMOpbGxv' });
      await kv.put({ ...config, key: 'mark', base64: '77u/YQ==' });
      const { entries } = await kv.list(config);
      expect(entries.map(({ key, text, base64 }) => [key, text ?? null, base64 ?? null])).toEqual([
        ['bytes', null, '/+8A'],
        ['mark', null, '77u/YQ=='],
        ['spelled', 'héllo', null],
        ['text', '/+8A', null],
        ['url', null, '/+8A'],
      ]);
      const invalid = { code: 'INPUT_INVALID' };
      const both = kv.put({ ...config, key: 'a', text: 'a', base64: 'YQ==' });
      await expect(both).rejects.toMatchObject(invalid);
      await expect(kv.put({ ...config, key: 'a' })).rejects.toMatchObject(invalid);
      await expect(kv.put({ ...config, key: 'a', base64: '!' })).rejects.toMatchObject(invalid);
    }));

  test.each(['', 'a\u0000b', '\u0000settings', 'a\nb', '\ud800', 'é'.repeat(257)])(
    '%j is no key',
    (key) =>
      withConfig(async (kv) => {
        const put = kv.put({ ...config, key, text: '' });
        await expect(put).rejects.toMatchObject({ code: 'INPUT_INVALID' });
      }),
  );

  test('the largest value is taken; one byte more is told to be a blob', () =>
    withConfig(async (kv) => {
      const text = 'x'.repeat(valueBytesMax);
      const key = 'k'.repeat(512);
      await expect(kv.put({ ...config, key, text })).resolves.toMatchObject({ version: 1 });
      await expect(kv.get({ ...config, key })).resolves.toMatchObject({ text });
      const bytes = Buffer.alloc(valueBytesMax + 1).toString('base64');
      const larger = kv.put({ ...config, key, base64: bytes });
      const how = { code: 'INPUT_TOO_LARGE', fix: expect.stringContaining('blob') };
      await expect(larger).rejects.toMatchObject(how);
      const words = kv.put({ ...config, key, text: `${text}x` });
      await expect(words).rejects.toMatchObject(how);
    }));

  test('a condition that does not hold is a CONFLICT, and nothing is written', () =>
    withConfig(async (kv) => {
      const port = { ...config, key: 'port' };
      const conflict = { code: 'CONFLICT' };
      await expect(kv.put({ ...port, text: '1', ifVersion: 1 })).rejects.toMatchObject(conflict);
      await kv.put({ ...port, text: '1', ifAbsent: true });
      await expect(kv.put({ ...port, text: '2', ifAbsent: true })).rejects.toMatchObject(conflict);
      await expect(kv.put({ ...port, text: '2', ifVersion: 0 })).rejects.toMatchObject(conflict);
      await expect(kv.delete({ ...port, ifVersion: 2 })).rejects.toMatchObject(conflict);
      await expect(kv.get(port)).resolves.toMatchObject({ text: '1', version: 1 });
      await expect(kv.put({ ...port, text: '2', ifVersion: 1 })).resolves.toMatchObject({
        version: 2,
      });
      await expect(kv.delete({ ...port, ifVersion: 2 })).resolves.toMatchObject({ deleted: true });
    }));

  test('pages by prefix hold every key once, in the order of their bytes', () =>
    withConfig(async (kv) => {
      const names = ['a', 'b/é', 'b/1', 'b/2', 'b/10', 'c', 'b'];
      await Promise.all(names.map((key) => kv.put({ ...config, key, text: key })));
      const found: string[] = [];
      let cursor: string | undefined;
      do {
        const page = await kv.list({
          ...config,
          prefix: 'b/',
          limit: 2,
          ...(cursor && { cursor }),
        });
        found.push(...page.entries.map(({ key }) => key));
        ({ cursor } = page);
      } while (cursor !== undefined);
      expect(found).toEqual(['b/1', 'b/10', 'b/2', 'b/é']);
      const bad = kv.list({ ...config, cursor: '?' });
      await expect(bad).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    }));

  test('a page ends before it holds more bytes than one may', () =>
    withConfig(async (kv) => {
      const text = 'x'.repeat(Math.ceil(pageBytesMax / 4));
      for (const key of ['a', 'b', 'c', 'd', 'e']) {
        await kv.put({ ...config, key, text });
      }
      const page = await kv.list(config);
      expect(page.entries.map(({ key }) => key)).toEqual(['a', 'b', 'c']);
      const { entries } = await kv.list({ ...config, cursor: page.cursor });
      expect(entries.map(({ key }) => key)).toEqual(['d', 'e']);
    }));

  test('callers at the same time each get their own outcome, also where all want one key', () =>
    withConfig(async (kv) => {
      const at = Array.from({ length: 40 }, (_, index) => index);
      const made = at.map((n) => kv.put({ ...config, key: 'one', text: `${n}`, ifAbsent: true }));
      const spread = at.map((n) => kv.put({ ...config, key: `key-${n}`, text: `${n}` }));
      const hot = at.map((n) => kv.put({ ...config, key: 'hot', text: `${n}` }));
      const outcomes = await Promise.allSettled(made);
      expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
      expect((await Promise.all(spread)).map(({ version }) => version)).toEqual(at.map(() => 1));
      expect((await Promise.all(hot)).map(({ version }) => version)).toEqual(at.map((n) => n + 1));
      await expect(kv.get({ ...config, key: 'hot' })).resolves.toMatchObject({ text: '39' });
    }));
}

function transactions(withConfig: With): void {
  test('all conditions hold: everything of "then" happens in one step', () =>
    withConfig(async (kv) => {
      await kv.put({ ...config, key: 'a', text: 'old' });
      const done = await kv.transact({
        ...config,
        if: [
          { key: 'a', version: 1 },
          { key: 'a', value: { text: 'old' } },
          { key: 'b', present: false },
          { key: 'b', version: 1, op: '<' },
          { key: 'a', value: { base64: 'AAAA' }, op: '!=' },
        ],
        then: [
          { get: { key: 'a' } },
          { put: { key: 'a', text: 'new' } },
          { put: { key: 'b', base64: '/w==' } },
          { delete: { key: 'c' } },
        ],
      });
      expect(done).toMatchObject({
        succeeded: true,
        results: [
          { get: { key: 'a', entry: { text: 'old', version: 1 } } },
          { put: { key: 'a', version: 2 } },
          { put: { key: 'b', version: 1 } },
          { delete: { key: 'c', deleted: false } },
        ],
      });
      const { entries, revision } = await kv.list(config);
      expect(entries).toMatchObject([{ text: 'new' }, { base64: '/w==' }]);
      expect(revision).toBe(done.revision);
    }));

  test.each([
    { key: 'a', version: 2 },
    { key: 'a', version: 1, op: '>' as const },
    { key: 'a', value: { text: 'other' } },
    { key: 'b', value: { text: 'other' }, op: '!=' as const },
    { key: 'b', present: true },
  ])('%j does not hold: "else" happens, and nothing of "then"', (compare) =>
    withConfig(async (kv) => {
      await kv.put({ ...config, key: 'a', text: 'old' });
      const given = { ...config, if: [compare], then: [{ put: { key: 'a', text: 'new' } }] };
      await expect(kv.transact(given)).resolves.toMatchObject({ succeeded: false, results: [] });
      const otherwise = [{ put: { key: 'late', text: 'x' } }, { get: { key: 'b' } }];
      await expect(kv.transact({ ...given, else: otherwise })).resolves.toMatchObject({
        succeeded: false,
        results: [{ put: { key: 'late', version: 1 } }, { get: { key: 'b', entry: null } }],
      });
      const { entries } = await kv.list(config);
      expect(entries.map(({ text }) => text)).toEqual(['old', 'x']);
    }),
  );

  test('the largest is taken; a key written twice, or one operation more, is INPUT_INVALID', () =>
    withConfig(async (kv) => {
      const then = Array.from({ length: transactOpsMax }, (_, at) => ({
        put: { key: `key-${at}`, text: 'x'.repeat(4_096) },
      }));
      await expect(kv.transact({ ...config, if: [], then })).resolves.toMatchObject({
        succeeded: true,
      });
      const invalid = { code: 'INPUT_INVALID' };
      const more = [...then, { delete: { key: 'other' } }];
      await expect(kv.transact({ ...config, if: [], then: more })).rejects.toMatchObject(invalid);
      const twice = [{ put: { key: 'a', text: '' } }, { delete: { key: 'a' } }];
      await expect(kv.transact({ ...config, if: [], then: twice })).rejects.toMatchObject(invalid);
      const heavy = then.map(({ put }) => ({ put: { ...put, text: 'x'.repeat(8_192) } }));
      const large = kv.transact({ ...config, if: [], then: heavy });
      await expect(large).rejects.toMatchObject({ code: 'INPUT_TOO_LARGE' });
    }));

  test('of many that count one key up at the same time, none is lost', () =>
    withConfig(async (kv) => {
      const count = async (): Promise<void> => {
        for (;;) {
          const read = await kv.get({ ...config, key: 'n' }).catch(() => undefined);
          const { succeeded } = await kv.transact({
            ...config,
            if: [{ key: 'n', version: read?.version ?? 0 }],
            then: [{ put: { key: 'n', text: String(Number(read?.text ?? 0) + 1) } }],
          });
          if (succeeded) {
            return;
          }
        }
      };
      await Promise.all(Array.from({ length: 12 }, count));
      await expect(kv.get({ ...config, key: 'n' })).resolves.toMatchObject({ text: '12' });
    }));
}
