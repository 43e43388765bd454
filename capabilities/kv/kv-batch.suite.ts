// What any Kv must do with several keys at once, and with one on a condition, wherever it lives.
import { expect, test } from 'vitest';
import { batchKeysMax, pageBytesMax, transactOpsMax } from './contract.ts';
import type { With } from './kv-watch.suite.ts';

const config = { space: 'config' };
const port = { ...config, key: 'port' };

export function batchSuite(withConfig: With): void {
  test('compareAndSet writes where the version is as expected; else it shows what is there', () =>
    withConfig(async (kv) => {
      const first = await kv.compareAndSet({ ...port, text: '80', expect: { version: 0 } });
      expect(first).toMatchObject({ ok: true, key: 'port', version: 1 });
      const again = await kv.compareAndSet({ ...port, text: '81', expect: { version: 0 } });
      expect(again).toMatchObject({
        ok: false,
        current: { key: 'port', text: '80', version: 1 },
        revision: first.revision,
      });
      const next = await kv.compareAndSet({ ...port, text: '81', expect: { version: 1 } });
      expect(next).toMatchObject({ ok: true, version: 2 });
      await expect(kv.get(port)).resolves.toMatchObject({ text: '81', version: 2 });
    }));

  test('compareAndSet and compareAndDelete go by the value as well', () =>
    withConfig(async (kv) => {
      const other = { value: { text: 'other' } };
      const none = await kv.compareAndSet({ ...port, text: '80', expect: other });
      expect(none).toMatchObject({ ok: false, current: null });
      await kv.put({ ...port, base64: '/w==' });
      const kept = await kv.compareAndDelete({ ...port, expect: other });
      expect(kept).toMatchObject({ ok: false, current: { base64: '/w==' } });
      const expectation = { value: { base64: '/w==' } };
      const set = await kv.compareAndSet({ ...port, text: '80', expect: expectation });
      expect(set).toMatchObject({ ok: true, version: 2 });
      const gone = await kv.compareAndDelete({ ...port, expect: { value: { text: '80' } } });
      expect(gone).toMatchObject({ ok: true, version: 0 });
      await expect(kv.get(port)).rejects.toMatchObject({ code: 'ENTRY_NOT_FOUND' });
      const twice = await kv.compareAndDelete({ ...port, expect: { version: 1 } });
      expect(twice).toMatchObject({ ok: false, current: null });
    }));

  test('of many who compare and set one key at the same time, each sees what it overwrote', () =>
    withConfig(async (kv) => {
      const count = async (): Promise<void> => {
        let version = 0;
        let text = '1';
        for (;;) {
          const done = await kv.compareAndSet({ ...port, text, expect: { version } });
          if (done.ok) {
            return;
          }
          version = done.current?.version ?? 0;
          text = String(Number(done.current?.text ?? 0) + 1);
        }
      };
      await Promise.all(Array.from({ length: 12 }, count));
      await expect(kv.get(port)).resolves.toMatchObject({ text: '12', version: 12 });
    }));

  test('batchRead shows several keys at one revision, in the order asked, null for none', () =>
    withConfig(async (kv) => {
      await kv.put({ ...config, key: 'a', text: '1' });
      const { revision } = await kv.put({ ...config, key: 'b', text: '2' });
      const read = await kv.batchRead({ ...config, keys: ['b', 'none', 'a', 'b'] });
      expect(read).toMatchObject({
        entries: [{ key: 'b', text: '2' }, null, { key: 'a', text: '1' }, { key: 'b' }],
        revision,
      });
    }));

  test('batchRead never sees half of a transaction', () =>
    withConfig(async (kv) => {
      const writing = (async () => {
        for (let n = 0; n < 20; n += 1) {
          const ops = ['a', 'b'].map((key) => ({ put: { key, text: `${n}` } }));
          await kv.batchWrite({ ...config, ops });
        }
      })();
      for (let n = 0; n < 20; n += 1) {
        const { entries } = await kv.batchRead({ ...config, keys: ['a', 'b'] });
        expect(entries[0]?.text).toBe(entries[1]?.text);
      }
      await writing;
    }));

  test('batchRead takes so many keys, of so many bytes, and no more', () =>
    withConfig(async (kv) => {
      const keys = Array.from({ length: batchKeysMax }, (_, at) => `key-${at}`);
      await expect(kv.batchRead({ ...config, keys })).resolves.toMatchObject({
        entries: keys.map(() => null),
      });
      const invalid = { code: 'INPUT_INVALID' };
      const more = kv.batchRead({ ...config, keys: [...keys, 'more'] });
      await expect(more).rejects.toMatchObject(invalid);
      await expect(kv.batchRead({ ...config, keys: [] })).rejects.toMatchObject(invalid);
      const text = 'x'.repeat(Math.ceil(pageBytesMax / 4));
      for (const key of ['a', 'b', 'c', 'd']) {
        await kv.put({ ...config, key, text });
      }
      const large = kv.batchRead({ ...config, keys: ['a', 'b', 'c', 'd'] });
      await expect(large).rejects.toMatchObject({ code: 'INPUT_TOO_LARGE' });
    }));

  test('batchWrite is one change, or nothing and the first condition that does not hold', () =>
    withConfig(async (kv) => {
      const ops = [
        { put: { key: 'a', text: '1' } },
        { put: { key: 'b', base64: '/w==' } },
        { delete: { key: 'c' } },
      ];
      const done = await kv.batchWrite({ ...config, ops });
      expect(done).toMatchObject({
        ok: true,
        results: [
          { put: { key: 'a', version: 1 } },
          { put: { key: 'b', version: 1 } },
          { delete: { key: 'c', deleted: false } },
        ],
      });
      const compares = [
        { key: 'a', version: 1 },
        { key: 'b', present: false },
        { key: 'a', version: 9 },
      ];
      const refused = await kv.batchWrite({ ...config, ops, if: compares });
      expect(refused).toMatchObject({
        ok: false,
        failed: 1,
        current: { key: 'b', base64: '/w==' },
        revision: done.revision,
      });
      const held = await kv.batchWrite({ ...config, ops, if: compares.slice(0, 1) });
      expect(held).toMatchObject({ ok: true, results: [{ put: { version: 2 } }, {}, {}] });
      expect(held.revision).toBeGreaterThan(done.revision);
    }));

  test('batchWrite takes as many operations as a transaction, and at least one', () =>
    withConfig(async (kv) => {
      const ops = Array.from({ length: transactOpsMax }, (_, at) => ({
        put: { key: `key-${at}`, text: '' },
      }));
      await expect(kv.batchWrite({ ...config, ops })).resolves.toMatchObject({ ok: true });
      const invalid = { code: 'INPUT_INVALID' };
      const more = [...ops, { delete: { key: 'other' } }];
      await expect(kv.batchWrite({ ...config, ops: more })).rejects.toMatchObject(invalid);
      await expect(kv.batchWrite({ ...config, ops: [] })).rejects.toMatchObject(invalid);
    }));

  test('conditions compare values in the order of their bytes, and the revisions of a key', () =>
    withConfig(async (kv) => {
      const made = await kv.put({ ...config, key: 'a', text: 'm' });
      const written = await kv.put({ ...config, key: 'a', text: 'm' });
      const ops = [{ put: { key: 'seen', text: '' } }];
      const holds = async (compare: object): Promise<boolean> =>
        (await kv.batchWrite({ ...config, ops, if: [{ key: 'a', ...compare } as never] })).ok;
      expect(await holds({ value: { text: 'z' }, op: '<' })).toBe(true);
      expect(await holds({ value: { text: 'a' }, op: '>' })).toBe(true);
      expect(await holds({ value: { text: 'm' }, op: '>' })).toBe(false);
      expect(await holds({ createRevision: made.revision })).toBe(true);
      expect(await holds({ createRevision: made.revision, op: '!=' })).toBe(false);
      expect(await holds({ modRevision: written.revision })).toBe(true);
      expect(await holds({ modRevision: written.revision, op: '<' })).toBe(false);
      expect(await holds({ modRevision: made.revision, op: '>' })).toBe(true);
      expect(await holds({ key: 'none', modRevision: 0 })).toBe(true);
      expect(await holds({ key: 'none', value: { text: '' }, op: '<' })).toBe(false);
      const read = await kv.get({ ...config, key: 'a' });
      expect(read).toMatchObject({
        createRevision: made.revision,
        modRevision: written.revision,
      });
    }));

  test('a mirror is written neither by comparing nor in batches, and read in batches', () =>
    withConfig(async (kv) => {
      const mirror = { space: 'bergen:config' };
      const refused = { code: 'RESOURCE_READ_ONLY' };
      const set = kv.compareAndSet({ ...mirror, key: 'a', text: '', expect: { version: 0 } });
      await expect(set).rejects.toMatchObject(refused);
      const drop = kv.compareAndDelete({ ...mirror, key: 'a', expect: { version: 1 } });
      await expect(drop).rejects.toMatchObject(refused);
      const write = kv.batchWrite({ ...mirror, ops: [{ delete: { key: 'a' } }] });
      await expect(write).rejects.toMatchObject(refused);
      const read = kv.batchRead({ ...mirror, keys: ['a'] });
      await expect(read).resolves.toEqual({ entries: [null], revision: 0 });
    }));
}
