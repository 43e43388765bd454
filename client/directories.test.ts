// Directories over the real service of spaces: the node's own over HTTP is in tests/black-box.
import type { Kv } from '@hansa/capabilities/kv/contract';
import { beforeEach, describe, expect, test } from 'vitest';
import { openKv } from '../testkit/kv-bench.ts';
import {
  createDirectories,
  directoryDepthMax,
  directoryNameBytesMax,
  type Directories,
} from './directories.ts';

const space = 'store';
let kv: Kv;
let directories: Directories;

beforeEach(async () => {
  kv = await openKv();
  await kv.create({ name: space });
  directories = createDirectories(kv, space);
});

const pathsIn = async (...path: readonly string[]): Promise<readonly string[]> =>
  (await directories.list(path)).map((each) => each.path.join('/'));

const keyCount = async (): Promise<number> =>
  (await kv.list({ space, limit: 1_000 })).entries.length;

describe('directories', () => {
  test('are made with those above them, opened, and listed by name', async () => {
    const users = await directories.create(['app', 'users'], { layer: 'table' });
    await directories.create(['app', 'orders']);
    await directories.create(['other']);
    expect(await pathsIn()).toEqual(['app', 'other']);
    expect(await pathsIn('app')).toEqual(['app/orders', 'app/users']);
    expect(await pathsIn('app', 'users')).toEqual([]);
    const opened = await directories.open(['app', 'users']);
    expect(opened.keys.prefix).toEqual(users.keys.prefix);
    expect(opened.layer).toBe('table');
    await expect(directories.exists(['app', 'users'])).resolves.toBe(true);
    await expect(directories.exists(['app', 'none'])).resolves.toBe(false);
    const again = directories.create(['app', 'users']);
    await expect(again).rejects.toMatchObject({ code: 'KEY_DIRECTORY_EXISTS' });
    const none = directories.open(['app', 'none']);
    await expect(none).rejects.toMatchObject({ code: 'KEY_DIRECTORY_NOT_FOUND' });
    const other = directories.open(['app', 'users'], { layer: 'queue' });
    await expect(other).rejects.toMatchObject({ code: 'CONFLICT' });
  });

  test('have short prefixes, none the beginning of another', async () => {
    const made = await Promise.all(
      Array.from({ length: 60 }, (_, at) => directories.createOrOpen([`directory-${at}`])),
    );
    const prefixes = made
      .map(({ keys }) => Buffer.from(keys.prefix).toString('hex'))
      .toSorted((a, b) => (a < b ? -1 : 1));
    expect(new Set(prefixes).size).toBe(60);
    expect(Math.max(...prefixes.map((hex) => hex.length / 2))).toBeLessThanOrEqual(3);
    const nested = prefixes.filter((hex, at) => prefixes[at + 1]?.startsWith(hex) === true);
    expect(nested).toEqual([]);
  });

  test('hold keys by tuples, in their order, and none of each other’s', async () => {
    const users = await directories.create(['users']);
    const orders = await directories.create(['orders']);
    for (const [name, age] of [
      ['bo', 7],
      ['anna', 41],
      ['anna', 9],
    ] as const) {
      await kv.put({ space, key: users.keys.key(name, age), text: `${name} ${age}` });
    }
    await kv.put({ space, key: orders.keys.key('anna', 1), text: 'order' });
    const read = async (bounds: object): Promise<readonly unknown[]> =>
      (await kv.list({ space, ...bounds })).entries.map(({ key }) => users.keys.parts(key));
    expect(await read(users.keys.bounds())).toEqual([
      ['anna', 9],
      ['anna', 41],
      ['bo', 7],
    ]);
    expect(await read(users.keys.bounds('anna'))).toHaveLength(2);
  });

  test('of many who make the same one at the same time, one makes it and all have it', async () => {
    const made = await Promise.all(
      Array.from({ length: 16 }, () => createDirectories(kv, space).createOrOpen(['a', 'b', 'c'])),
    );
    const prefixes = new Set(made.map(({ keys }) => keys.key()));
    expect(prefixes.size).toBe(1);
    const alone = await Promise.allSettled(
      Array.from({ length: 8 }, () => directories.create(['alone'])),
    );
    expect(alone.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
  });

  test('are moved with everything in them: no key changes', async () => {
    const deep = await directories.create(['app', 'users', 'eu']);
    const key = deep.keys.key('anna');
    await kv.put({ space, key, text: '1' });
    await directories.create(['archive']);
    const moved = await directories.move(['app', 'users'], ['archive', 'people']);
    expect(moved.path).toEqual(['archive', 'people']);
    expect(await pathsIn('app')).toEqual([]);
    const found = await directories.open(['archive', 'people', 'eu']);
    expect(found.keys.key('anna')).toBe(key);
    const refusals: [readonly string[], readonly string[], string][] = [
      [['app', 'users'], ['app', 'x'], 'KEY_DIRECTORY_NOT_FOUND'],
      [['archive'], ['app'], 'KEY_DIRECTORY_EXISTS'],
      [['archive'], ['none', 'x'], 'KEY_DIRECTORY_NOT_FOUND'],
      [['archive'], ['archive', 'people', 'x'], 'INPUT_INVALID'],
      [['archive'], ['archive'], 'INPUT_INVALID'],
    ];
    for (const [from, to, code] of refusals) {
      await expect(directories.move(from, to)).rejects.toMatchObject({ code });
    }
  });

  test('are removed with every key and directory in them; what comes after is another one', async () => {
    const before = await directories.create(['app', 'users', 'eu']);
    const other = await directories.create(['other']);
    await kv.put({ space, key: other.keys.key(1), text: '' });
    const kept = await keyCount();
    const app = await directories.open(['app']);
    for (let at = 0; at < 70; at += 1) {
      await kv.put({ space, key: app.keys.key(at), text: '' });
    }
    await kv.put({ space, key: before.keys.key('anna'), text: '' });
    await kv.put({ space, key: before.keys.key(), text: '' });
    await expect(directories.remove(['app'])).resolves.toEqual({ keys: 72 });
    expect(await keyCount()).toBe(kept - 3);
    expect(await pathsIn()).toEqual(['other']);
    const gone = directories.remove(['app']);
    await expect(gone).rejects.toMatchObject({ code: 'KEY_DIRECTORY_NOT_FOUND' });
    const after = await directories.create(['app', 'users', 'eu']);
    expect(after.keys.prefix).not.toEqual(before.keys.prefix);
  });

  test('whose removal broke off are cleared by the next one', async () => {
    const lost = await directories.create(['lost']);
    await kv.put({ space, key: lost.keys.key(1), text: '' });
    await directories.create(['next']);
    let calls = 0;
    const broken = createDirectories(
      {
        batchRead: (input) => kv.batchRead(input),
        list: (input) => kv.list(input),
        transact(input) {
          calls += 1;
          return calls > 1
            ? Promise.reject(new Error('the program ends here'))
            : kv.transact(input);
        },
      },
      space,
    );
    await expect(broken.remove(['lost'])).rejects.toThrow('ends here');
    expect(await pathsIn()).toEqual(['next']);
    await expect(directories.remove(['next'])).resolves.toEqual({ keys: 1 });
    expect(await keyCount()).toBe(1);
  });

  test('made while the one above is removed are in one that is, or nowhere', async () => {
    for (let round = 0; round < 5; round += 1) {
      await directories.create(['top']);
      const [made] = await Promise.allSettled([
        directories.createOrOpen(['top', 'inside']),
        directories.remove(['top']),
      ]);
      const left = await pathsIn();
      const inside = await directories.exists(['top', 'inside']);
      expect(made.status).toBe('fulfilled');
      expect(inside).toBe(left.includes('top') && inside);
      if (left.includes('top')) {
        await directories.remove(['top']);
      }
      expect(await keyCount()).toBe(1);
    }
  });

  test('have so many names of so many bytes on their path, and no more', async () => {
    const deepest = Array.from({ length: directoryDepthMax }, () => 'é'.repeat(64));
    await expect(directories.create(deepest)).resolves.toMatchObject({ path: deepest });
    const zeros = ['\u0000'.repeat(directoryNameBytesMax)];
    await expect(directories.create(zeros)).resolves.toMatchObject({ path: zeros });
    const invalid = { code: 'INPUT_INVALID' };
    const wrong = [[], [...deepest, 'x'], [''], ['x'.repeat(directoryNameBytesMax + 1)]];
    for (const path of wrong) {
      await expect(directories.create(path)).rejects.toMatchObject(invalid);
      await expect(directories.open(path)).rejects.toMatchObject(invalid);
    }
  });
});
