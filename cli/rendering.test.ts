import type { CommandOutput, CommandView } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { parse } from 'yaml';
import { palette, render } from './rendering.ts';

const data = { name: 'bergen', links: [1, 2] };
const table: CommandView = {
  kind: 'table',
  columns: ['NAME', 'STATE'],
  rows: [
    ['bergen', 'up'],
    ['lübeck-am-meer', 'down'],
  ],
  empty: 'No links yet.',
};
const show = (view: CommandView, more: Partial<CommandOutput> = {}): string =>
  render({ data, view, ...more }, 'table', palette(false));

test('JSON and YAML are the data and nothing else', () => {
  const output: CommandOutput = { data, view: table, next: ['hansa status'] };
  expect(JSON.parse(render(output, 'json', palette(true)))).toEqual(data);
  expect(parse(render(output, 'yaml', palette(true)))).toEqual(data);
});

test('after items, a line each, the last is a line too', () => {
  const output: CommandOutput = { data, view: table, asLine: true };
  expect(render(output, 'json', palette(false))).toBe('{"name":"bergen","links":[1,2]}\n');
});

test('a table has aligned columns, no borders and no trailing blanks', () => {
  expect(show(table)).toBe('NAME            STATE\nbergen          up\nlübeck-am-meer  down\n');
});

test('an empty table says so', () => {
  expect(show({ ...table, rows: [] })).toBe('No links yet.\n');
});

test('a record aligns its values; a stack sets views apart and leaves empty ones out', () => {
  const record: CommandView = {
    kind: 'record',
    fields: [
      ['id', '1'],
      ['state', 'up'],
    ],
  };
  const nothing: CommandView = { kind: 'text', text: '' };
  expect(show({ kind: 'stack', views: [record, nothing, { kind: 'text', text: 'end' }] })).toBe(
    'id     1\nstate  up\n\nend\n',
  );
});

test('what to do next comes last, one command a line, dim where there are colours', () => {
  const view: CommandView = { kind: 'text', text: 'done' };
  const next = ['hansa status', 'hansa link list'];
  expect(show(view, { next })).toBe('done\nnext: hansa status\nnext: hansa link list\n');
  const coloured = render({ data, view, next: ['hansa status'] }, 'table', palette(true));
  expect(coloured).toContain('\u001b[2mnext: hansa status');
});

test('what another cluster wrote cannot move a terminal', () => {
  const evil = 'a\u001b[2Jb\u009bc\u202ed\re';
  const shown = [
    show({ kind: 'text', text: evil }),
    show({ kind: 'record', fields: [['name', evil]] }),
    show({ ...table, rows: [[evil, 'up']] }),
  ];
  for (const text of shown) {
    // oxlint-disable-next-line no-control-regex
    expect(text).not.toMatch(/[\u001b\u009b\u202e\r]/);
    expect(text).toContain('a\\u001b[2Jb');
  }
});
