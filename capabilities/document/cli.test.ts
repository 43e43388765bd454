import { clusterIdSchema, utf8 } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { commandNamed, runCommand } from '../../testkit/command-context.ts';
import { documentCommands } from './cli.ts';
import type { ShownDocument } from './contract.ts';

const owner = clusterIdSchema.parse('ab'.repeat(32));
const shown: ShownDocument = {
  resource: `${owner}:document/ports` as ShownDocument['resource'],
  name: 'ports',
  role: 'own',
  ownerName: 'lubeck',
  type: 'document',
  version: 2,
  sizeBytes: 11,
  writtenMs: 0,
  epoch: 1,
  shared: false,
  value: { http: 80 },
};
const { value: _, ...document } = shown;
const mirror = { ...shown, role: 'mirror', ownerName: 'bergen' } as const;

function command(words: string, lines: string[] = []) {
  const files: Readonly<Record<string, string>> = { '-': '[1]', bad: '{' };
  const commands = documentCommands({
    read: async (path) => utf8(files[path] ?? ''),
    print: async (_item, line) => void lines.push(line),
  });
  return commandNamed(commands, words);
}

test('document put takes JSON from the line or a file, and leaves out what was not said', async () => {
  const put = async (json: string | undefined, options: Record<string, string> = {}) =>
    runCommand(command('document put'), {
      answers: { 'document.put': document },
      args: { document: 'ports', json },
      options,
    });
  const { calls, shown: told, output } = await put('{"http":80}', { type: 'a', ifVersion: '1' });
  expect(calls).toStrictEqual([
    ['document.put', { document: 'ports', value: { http: 80 }, type: 'a', ifVersion: 1 }],
  ]);
  expect(told).toBe('ports is at version 2.');
  expect(output.next?.[1]).toBe('hansa share add document/ports --to <peer>');
  const read = await put(undefined, { file: '-' });
  expect(read.calls[0]?.[1]).toStrictEqual({ document: 'ports', value: [1] });
  await expect(put(undefined)).rejects.toMatchObject({ code: 'USAGE' });
  await expect(put('1', { file: '-' })).rejects.toMatchObject({ code: 'USAGE' });
  await expect(put('{')).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  await expect(put(undefined, { file: 'bad' })).rejects.toMatchObject({ code: 'INPUT_INVALID' });
});

test('document get and patch show the value as people read it', async () => {
  const answers = { 'document.get': shown, 'document.patch': shown };
  const get = await runCommand(command('document get'), { answers, args: { document: 'ports' } });
  expect(get.shown).toBe('{\n  "http": 80\n}');
  const args = { document: 'ports', json: '{"a":null}' };
  const patch = await runCommand(command('document patch'), { answers, args });
  expect(patch.calls[0]?.[1]).toStrictEqual({ document: 'ports', patch: { a: null } });
  expect(patch.shown).toBe(get.shown);
});

test('document list spells mirrors as every command takes them, and names the next page', async () => {
  const list = await runCommand(command('document list'), {
    answers: { 'document.list': { documents: [document, mirror], cursor: mirror.resource } },
    options: { type: 'document', limit: '2' },
  });
  expect(list.calls[0]?.[1]).toStrictEqual({ type: 'document', limit: 2 });
  expect(list.shown).toContain('ports|own|document|2|11 B');
  expect(list.shown).toContain('bergen:ports|mirror');
  expect(list.output.next).toEqual([`hansa document list --cursor ${mirror.resource}`]);
});

test('document delete asks first, and never for a mirror', async () => {
  const calls: (readonly [string, unknown])[] = [];
  const answers = { 'document.get': shown, 'document.delete': document };
  const line = { answers, args: { document: 'ports' } };
  const refused = runCommand(command('document delete'), line, calls);
  await expect(refused).rejects.toMatchObject({ code: 'NOT_CONFIRMED' });
  expect(calls.map(([method]) => method)).toEqual(['document.get']);
  const done = await runCommand(command('document delete'), { ...line, options: { yes: true } });
  expect(done.shown).toBe('Deleted ports.');
  const other = { ...line, answers: { 'document.get': mirror }, options: { yes: true } };
  const read = runCommand(command('document delete'), other);
  await expect(read).rejects.toMatchObject({ code: 'RESOURCE_READ_ONLY' });
});

test('document watch prints each state as it comes', async () => {
  const lines: string[] = [];
  const { calls } = await runCommand(command('document watch', lines), {
    answers: {
      'document.watch': [
        { type: 'put', document: mirror },
        { type: 'delete', resource: mirror.resource },
      ],
    },
    args: { document: 'bergen:ports' },
  });
  expect(calls[0]?.[1]).toStrictEqual({ document: 'bergen:ports' });
  expect(lines).toEqual(['bergen:ports  2  {"http":80}', `delete ${mirror.resource}`]);
});
