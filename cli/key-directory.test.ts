// `hansa kv key` and `hansa kv directory …` over the real service of spaces.
import type { Kv } from '@hansa/capabilities/kv/contract';
import type { Carrier, CommandOutput, TupleValue } from '@hansa/foundation';
import { beforeEach, describe, expect, test } from 'vitest';
import { commandNamed } from '../testkit/command-context.ts';
import { openKv } from '../testkit/kv-bench.ts';
import { keyDirectoryCommands } from './key-directory-commands.ts';
import { readTuple, spellTuple } from './tuple-text.ts';

let kv: Kv;
let carrier: Carrier;

beforeEach(async () => {
  kv = await openKv();
  await kv.create({ name: 'store' });
  const methods = kv as unknown as Record<string, (input: unknown) => Promise<unknown>>;
  carrier = {
    call: async (_contract, method, input) => methods[method]?.(input),
    watch: () => {
      throw new Error('no command of these watches');
    },
  };
});

type Words = Readonly<Record<string, string | boolean>>;

function run(words: string, args: Record<string, string>, options: Words = {}) {
  return commandNamed(keyDirectoryCommands, words).run({
    carrier,
    args,
    options,
    signal: new AbortController().signal,
    confirm: async () => false,
    progress: () => undefined,
    wait: async () => undefined,
  });
}

const said = ({ view }: CommandOutput): string => (view.kind === 'text' ? view.text : '');

describe('kv directory', () => {
  test('create, list, move and remove do what the client’s directories do', async () => {
    const made = await run('kv directory create', { space: 'store', path: 'app/users' });
    expect(said(made)).toBe('Made app/users; its keys begin with the bytes 1502.');
    await run('kv directory create', { space: 'store', path: 'app/orders' }, { layer: 'table' });
    const list = await run('kv directory list', { space: 'store', path: 'app' });
    expect(list.data).toEqual({
      directories: [
        { path: 'app/orders', prefix: '1503', layer: 'table' },
        { path: 'app/users', prefix: '1502', layer: '' },
      ],
    });
    const moved = await run('kv directory move', {
      space: 'store',
      from: 'app/users',
      to: 'people',
    });
    expect(said(moved)).toBe('app/users is people now.');
    const all = await run('kv directory list', { space: 'store' });
    expect(all.view).toMatchObject({
      rows: [
        ['app', '1501', ''],
        ['people', '1502', ''],
      ],
    });
    const where = { space: 'store', path: 'people' };
    const { data } = await run(
      'kv key',
      { tuple: '["anna"]' },
      { in: 'store', directory: 'people' },
    );
    await kv.put({ space: 'store', key: (data as { key: string }).key, text: '41' });
    const asked = run('kv directory remove', where);
    await expect(asked).rejects.toMatchObject({ code: 'NOT_CONFIRMED' });
    const removed = await run('kv directory remove', where, { yes: true });
    expect(said(removed)).toBe('Deleted people with 1 key(s).');
    const again = run('kv directory remove', where, { yes: true });
    await expect(again).rejects.toMatchObject({ code: 'KEY_DIRECTORY_NOT_FOUND' });
  });
});

describe('kv key', () => {
  test('spells a tuple as a key, and reads it back', async () => {
    const tuple = '["anna",-12,{"double":1.5},["within",null]]';
    const key = said(await run('kv key', { tuple }));
    expect(key).toMatch(/^[-0-9A-Z_a-z]+$/);
    const read = await run('kv key', { tuple: key }, { read: true });
    expect(said(read)).toBe(tuple);
    expect(read.data).toMatchObject({ tuple: JSON.parse(tuple) as unknown });
  });

  test('of a directory begins with its prefix, and needs the space of it', async () => {
    await run('kv directory create', { space: 'store', path: 'users' });
    const within = { in: 'store', directory: 'users' };
    const key = said(await run('kv key', { tuple: '[1]' }, within));
    expect(said(await run('kv key', { tuple: key }, { ...within, read: true }))).toBe('[1]');
    expect(said(await run('kv key', { tuple: '[1,1]' }))).toBe(key);
    const half = run('kv key', { tuple: '[1]' }, { in: 'store' });
    await expect(half).rejects.toMatchObject({ code: 'USAGE' });
  });
});

describe('a tuple as people type it', () => {
  test('comes back as it was, of every type', () => {
    const tuple: readonly TupleValue[] = [
      null,
      true,
      'a',
      7,
      2n ** 64n,
      Uint8Array.of(0, 255),
      { float: 1.5 },
      { float: Number.POSITIVE_INFINITY },
      { double: 3 },
      { double: Number.NaN },
      { double: -0 },
      { double: Uint8Array.from([0x7f, 255, 255, 255, 255, 255, 255, 255]) },
      { uuid: 'ffffffff-ba5e-ba11-0000-00005ca1ab1e' },
      { versionstamp: new Uint8Array(12) },
      [[], ['b', null]],
    ];
    const read = readTuple(spellTuple(tuple));
    expect(spellTuple(read)).toBe(spellTuple(tuple));
    expect(read.slice(0, 7)).toEqual(tuple.slice(0, 7));
    expect(readTuple('[1.5, 7]')).toEqual([{ double: 1.5 }, 7]);
  });

  test.each(['{', '"a"', '[{"decimal": 1}]', '[{"uuid": "a", "float": 1}]', '[{"integer": "x"}]'])(
    '%s is none',
    (text) => {
      expect(() => readTuple(text)).toThrow(expect.objectContaining({ code: 'INPUT_INVALID' }));
    },
  );
});
