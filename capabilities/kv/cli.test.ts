import { clusterIdSchema, fromUtf8, utf8 } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { commandNamed, runCommand } from '../../testkit/command-context.ts';
import { kvCommands } from './cli.ts';
import type { KvTerminal } from './cli-terminal.ts';
import type { KvEntry, Space } from './contract.ts';

const owner = clusterIdSchema.parse('ab'.repeat(32));
const space: Space = {
  resource: `${owner}:kv/config` as Space['resource'],
  name: 'config',
  role: 'own',
  ownerName: 'lubeck',
  type: 'kv',
  description: '',
  labels: {},
  rule: 'last-write-wins',
  shared: false,
  epoch: 1,
  revision: 7,
};
const entry: KvEntry = { key: 'port', text: '80', version: 2, writtenMs: 0, writtenBy: owner };

interface Written {
  readonly files: Map<string, Uint8Array>;
  readonly lines: string[];
  readonly terminal: KvTerminal;
}

function written(): Written {
  const files = new Map<string, Uint8Array>();
  const lines: string[] = [];
  return {
    files,
    lines,
    terminal: {
      read: async (path) => files.get(path) ?? utf8(''),
      write: async (path, bytes) => void files.set(path, bytes),
      print: async (_item, line) => void lines.push(line),
    },
  };
}

function command(words: string, { terminal }: Written = written()) {
  return commandNamed(kvCommands(terminal), words);
}

test('kv create says what it was told, and what to do next', async () => {
  const { calls, shown, output } = await runCommand(command('kv create'), {
    answers: { 'kv.create': space },
    args: { space: 'config' },
    options: { rule: 'max', shared: true, label: ['tier=gold'] },
  });
  expect(calls).toEqual([
    ['kv.create', expect.objectContaining({ name: 'config', rule: 'max', shared: true })],
  ]);
  expect(shown).toBe('Made config, empty.');
  expect(output.next?.[1]).toBe('hansa share add kv/config --to <peer>');
});

test('kv spaces spells a mirror as every command takes it', async () => {
  const mirror: Space = { ...space, role: 'mirror', ownerName: 'bergen' };
  const { shown } = await runCommand(command('kv spaces'), {
    answers: { 'kv.spaces': { spaces: [space, mirror] } },
  });
  expect(shown).toContain('bergen:config|mirror|kv|last-write-wins|no|7');
});

test('kv put takes a value as text, as base64, or from a file', async () => {
  const files = written();
  files.files.set('logo.png', Uint8Array.of(0xff, 0x00));
  files.files.set('-', utf8('from the input'));
  const put = async (value: string | undefined, options: Record<string, string | boolean>) => {
    const { calls } = await runCommand(command('kv put', files), {
      answers: { 'kv.put': { key: 'port', version: 1, revision: 2 } },
      args: { space: 'config', key: 'port', value },
      options,
    });
    return calls[0]?.[1];
  };
  const where = { space: 'config', key: 'port' };
  expect(await put('80', { ifVersion: '3' })).toEqual({ ...where, text: '80', ifVersion: 3 });
  expect(await put('gDg=', { base64: true })).toEqual({ ...where, base64: 'gDg=' });
  expect(await put(undefined, { file: 'logo.png' })).toEqual({ ...where, base64: '_wA' });
  expect(await put(undefined, { file: '-', ifAbsent: true })).toEqual({
    ...where,
    text: 'from the input',
    ifAbsent: true,
  });
  const usage = { code: 'USAGE' };
  await expect(put(undefined, {})).rejects.toMatchObject(usage);
  await expect(put('80', { file: 'logo.png' })).rejects.toMatchObject(usage);
  await expect(put('80', { ifVersion: 'x' })).rejects.toMatchObject(usage);
});

test('kv get shows the value alone, more with --details, and writes bytes to a file', async () => {
  const files = written();
  const get = (answer: KvEntry, options: Record<string, string | boolean> = {}) =>
    runCommand(command('kv get', files), {
      answers: { 'kv.get': { ...answer, revision: 9 } },
      args: { space: 'config', key: 'port' },
      options,
    });
  expect((await get(entry)).shown).toBe('80');
  expect((await get(entry, { details: true })).shown).toContain('version: 2');
  const { text: _, ...rest } = entry;
  expect((await get({ ...rest, base64: '/wA=' })).shown).toBe('base64 /wA=');
  await get({ ...rest, base64: '/wA=' }, { file: 'out' });
  expect(files.files.get('out')).toEqual(Uint8Array.of(0xff, 0x00));
  await get(entry, { file: 'text' });
  expect(fromUtf8(files.files.get('text') ?? utf8(''))).toBe('80');
});

test('kv list names the next page, and on the last one the watch that goes on', async () => {
  const list = (cursor: string | undefined, options: Record<string, string | boolean> = {}) =>
    runCommand(command('kv list'), {
      answers: { 'kv.list': { entries: [entry], revision: 9, ...(cursor && { cursor }) } },
      args: { space: 'config' },
      options,
    });
  const first = await list('cG9ydA', { prefix: 'p', limit: '1' });
  expect(first.calls[0]?.[1]).toEqual({ space: 'config', prefix: 'p', limit: 1 });
  expect(first.output.next).toEqual(['hansa kv list config --prefix p --cursor cG9ydA']);
  const last = await list(undefined, { keys: true });
  expect(last.shown).toBe('KEY\nport');
  expect(last.output.next).toEqual(['hansa kv watch config --from 9']);
});

test('kv delete exits as not found where the key was not there', async () => {
  const drop = (deleted: boolean) =>
    runCommand(command('kv delete'), {
      answers: { 'kv.delete': { key: 'port', deleted, revision: 9 } },
      args: { space: 'config', key: 'port' },
    });
  expect((await drop(true)).output.exit).toBe(0);
  expect((await drop(false)).output.exit).toBe(3);
});

test('kv watch prints each change as it comes', async () => {
  const files = written();
  const { calls } = await runCommand(command('kv watch', files), {
    answers: {
      'kv.watch': [
        {
          revision: 8,
          events: [
            { type: 'put', key: 'a', text: 'one\n two', writtenMs: 0, writtenBy: owner },
            { type: 'delete', key: 'b' },
          ],
        },
      ],
    },
    args: { space: 'bergen:config' },
    options: { from: '7', prefix: 'a' },
  });
  expect(calls[0]?.[1]).toEqual({ space: 'bergen:config', from: 7, prefix: 'a' });
  expect(files.lines).toEqual(['8  put a one two\n8  delete b']);
});

test('kv watch begins at the revision of now, so that it can go on from there', async () => {
  const { calls } = await runCommand(command('kv watch', written()), {
    answers: { 'kv.list': { entries: [], revision: 9 }, 'kv.watch': [] },
    args: { space: 'config' },
  });
  expect(calls).toEqual([
    ['kv.list', { space: 'config', limit: 1 }],
    ['kv.watch', { space: 'config', from: 9 }],
  ]);
});

test('kv transact takes conditions and writes from flags, or all from a file', async () => {
  const files = written();
  files.files.set('tx.json', utf8('{"if":[],"then":[{"put":{"key":"a","text":"1"}}]}'));
  files.files.set('bad', utf8('{'));
  const transact = (options: Record<string, string | readonly string[]>, succeeded = true) =>
    runCommand(command('kv transact', files), {
      answers: {
        'kv.transact': { succeeded, revision: 9, results: [{ put: { key: 'a', version: 2 } }] },
      },
      args: { space: 'config' },
      options,
    });
  const { calls, shown, output } = await transact({
    ifVersion: ['a=1'],
    ifValue: ['b=x=y'],
    ifPresent: ['c'],
    ifAbsent: ['d'],
    put: ['a=2'],
    delete: ['b'],
    elseGet: ['a'],
  });
  expect(calls[0]?.[1]).toEqual({
    space: 'config',
    if: [
      { key: 'a', version: 1 },
      { key: 'b', value: { text: 'x=y' } },
      { key: 'c', present: true },
      { key: 'd', present: false },
    ],
    then: [{ put: { key: 'a', text: '2' } }, { delete: { key: 'b' } }],
    else: [{ get: { key: 'a' } }],
  });
  expect(shown).toContain('put|a|version 2');
  expect(output.exit).toBe(0);
  expect((await transact({ put: ['a=2'] }, false)).output.exit).toBe(5);
  expect((await transact({ file: 'tx.json' })).calls[0]?.[1]).toMatchObject({ if: [] });
  await expect(transact({ file: 'bad' })).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  await expect(transact({ file: 'tx.json', put: ['a=1'] })).rejects.toMatchObject({
    code: 'USAGE',
  });
  await expect(transact({})).rejects.toMatchObject({ code: 'USAGE' });
  await expect(transact({ put: ['a'] })).rejects.toMatchObject({ code: 'USAGE' });
});

test('kv remove asks first, and never for a mirror', async () => {
  const calls: (readonly [string, unknown])[] = [];
  const answers = { 'kv.show': space, 'kv.remove': space };
  const line = { answers, args: { space: 'config' } };
  const refused = runCommand(command('kv remove'), line, calls);
  await expect(refused).rejects.toMatchObject({ code: 'NOT_CONFIRMED' });
  expect(calls.map(([method]) => method)).toEqual(['kv.show']);
  const done = await runCommand(command('kv remove'), { ...line, options: { yes: true } });
  expect(done.shown).toBe('Deleted config.');
  const mirror = { ...line, answers: { 'kv.show': { ...space, role: 'mirror' } } };
  const read = runCommand(command('kv remove'), { ...mirror, options: { yes: true } });
  await expect(read).rejects.toMatchObject({ code: 'RESOURCE_READ_ONLY' });
});
