import { clusterIdSchema } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { commandNamed, runCommand } from '../../testkit/command-context.ts';
import { kvCommands } from './cli.ts';
import type { KvEntry } from './contract.ts';

const owner = clusterIdSchema.parse('ab'.repeat(32));
const entry: KvEntry = { key: 'port', text: '80', version: 2, writtenMs: 0, writtenBy: owner };
const lease = '9f86d081884c7d65';

const commands = kvCommands({
  read: async () => new Uint8Array(),
  write: async () => undefined,
  print: async () => undefined,
});

type Options = Readonly<Record<string, string | boolean | readonly string[]>>;

function run(words: string, line: { answer: unknown; method: string; options?: Options }) {
  return runCommand(commandNamed(commands, words), {
    answers: { [`kv.${line.method}`]: line.answer },
    args: { space: 'config', key: 'port', value: words.endsWith('set') ? '81' : undefined, lease },
    options: line.options ?? {},
  });
}

describe('kv compare-and-set', () => {
  const set = (answer: unknown, options: Options) =>
    run('kv compare-and-set', { method: 'compareAndSet', answer, options });
  const done = { ok: true, key: 'port', version: 3, revision: 9 };

  test('says what is expected in one of three ways, and nothing else', async () => {
    const { calls, shown } = await set(done, { expectVersion: '2', lease });
    expect(calls[0]?.[1]).toEqual({
      space: 'config',
      key: 'port',
      text: '81',
      expect: { version: 2 },
      lease,
    });
    expect(shown).toBe('port is at version 3.');
    const byValue = await set(done, { expectValue: '80' });
    expect(byValue.calls[0]?.[1]).toMatchObject({ expect: { value: { text: '80' } } });
    const absent = await set(done, { expectAbsent: true });
    expect(absent.calls[0]?.[1]).toMatchObject({ expect: { version: 0 } });
    const usage = { code: 'USAGE' };
    await expect(set(done, {})).rejects.toMatchObject(usage);
    const both = set(done, { expectVersion: '2', expectAbsent: true });
    await expect(both).rejects.toMatchObject(usage);
  });

  test('shows what is there instead, and exits as for a conflict', async () => {
    const other = { ok: false, current: entry, revision: 9 };
    const refused = await set(other, { expectVersion: '1' });
    expect(refused.shown).toBe('Nothing was done: port is at version 2: 80');
    expect(refused.output.exit).toBe(5);
    const none = await set({ ...other, current: null }, { expectVersion: '1' });
    expect(none.shown).toBe('Nothing was done: port is not there.');
  });
});

test('kv compare-and-delete deletes what is expected', async () => {
  const { calls, shown, output } = await run('kv compare-and-delete', {
    method: 'compareAndDelete',
    answer: { ok: true, key: 'port', version: 0, revision: 9 },
    options: { expectValue: '80' },
  });
  expect(calls[0]?.[1]).toMatchObject({ key: 'port', expect: { value: { text: '80' } } });
  expect([shown, output.exit]).toEqual(['Deleted port.', undefined]);
});

test('kv batch-read shows each key in the order asked', async () => {
  const { calls, shown } = await run('kv batch-read', {
    method: 'batchRead',
    answer: { entries: [entry, null], revision: 9 },
    options: { key: ['port', 'host'] },
  });
  expect(calls[0]?.[1]).toEqual({ space: 'config', keys: ['port', 'host'] });
  expect(shown).toBe('KEY|VERSION|VALUE\nport|2|80\nhost|0|not there');
});

describe('kv batch-write', () => {
  const write = (answer: unknown, options: Options) =>
    run('kv batch-write', { method: 'batchWrite', answer, options });

  test('writes under a lease, where conditions hold', async () => {
    const results = [{ put: { key: 'port', version: 3 } }];
    const { calls, shown } = await write(
      { ok: true, results, revision: 9 },
      { put: ['port=81'], delete: ['old'], lease, ifCreated: ['port=4'], ifModified: ['port=7'] },
    );
    expect(calls[0]?.[1]).toEqual({
      space: 'config',
      ops: [{ put: { key: 'port', text: '81', lease } }, { delete: { key: 'old' } }],
      if: [
        { key: 'port', createRevision: 4 },
        { key: 'port', modRevision: 7 },
      ],
    });
    expect(shown).toContain('put|port|version 3');
  });

  test('names the key whose condition does not hold', async () => {
    const { shown, output } = await write(
      { ok: false, failed: 1, current: entry, revision: 9 },
      { put: ['a=1'], ifPresent: ['a'], ifAbsent: ['port'] },
    );
    expect(shown).toBe('Nothing was done: port is at version 2: 80');
    expect(output.exit).toBe(5);
    const wrong = write({}, { put: ['a=1'], ifModified: ['a=x'] });
    await expect(wrong).rejects.toMatchObject({ code: 'USAGE' });
  });
});

describe('kv lease', () => {
  const lives = { lease, ttlSeconds: 30, grantedMs: 0 };

  test('grant takes a duration and names what to do next', async () => {
    const { calls, shown, output } = await run('kv lease grant', {
      method: 'grantLease',
      answer: lives,
      options: { ttl: '30s' },
    });
    expect(calls[0]?.[1]).toEqual({ space: 'config', ttlSeconds: 30 });
    expect(shown).toBe(lease);
    expect(output.next?.[0]).toBe(`hansa kv put config <key> <value> --lease ${lease}`);
  });

  test('keep, show and list say how long', async () => {
    const keep = await run('kv lease keep', { method: 'keepLease', answer: lives });
    expect(keep.shown).toBe(`${lease} has 30 seconds again.`);
    const answer = { ...lives, leftSeconds: 12, keys: ['a', 'b'] };
    const show = await run('kv lease show', { method: 'showLease', answer });
    expect(show.shown).toContain('left: 12 seconds');
    expect(show.shown).toContain('keys: a, b');
    const list = await run('kv lease list', { method: 'leases', answer: { leases: [lives] } });
    expect(list.shown).toContain(`${lease}|30 seconds|`);
  });

  test('revoke asks first', async () => {
    const answer = { lease, deleted: 2 };
    const refused = run('kv lease revoke', { method: 'revokeLease', answer });
    await expect(refused).rejects.toMatchObject({ code: 'NOT_CONFIRMED' });
    const options = { yes: true };
    const { shown } = await run('kv lease revoke', { method: 'revokeLease', answer, options });
    expect(shown).toBe(`Ended ${lease}; 2 key(s) went with it.`);
  });
});

test('kv list asks for ranges, and its next page with the same words', async () => {
  const { calls, output } = await run('kv list', {
    method: 'list',
    answer: { entries: [entry], revision: 9, cursor: 'abc' },
    options: { start: 'a', end: 'q', reverse: true, keys: true },
  });
  expect(calls[0]?.[1]).toEqual({
    space: 'config',
    start: 'a',
    end: 'q',
    reverse: true,
    keysOnly: true,
  });
  expect(output.next).toEqual([
    'hansa kv list config --start a --end q --reverse --keys --cursor abc',
  ]);
});
