// Documents over real processes: written and patched at their owner, read and watched at a mirror.
import type { Document, DocumentEvent, ShownDocument } from '@hansa/capabilities/document/contract';
import type { ShownRule } from '@hansa/capabilities/policies/contract';
import { beforeAll, expect, test } from 'vitest';
import { must } from './harness/linking.ts';
import { untilState } from './harness/mirroring.ts';
import { program } from './harness/place.ts';
import { run } from './harness/run.ts';
import { notYet, until } from './harness/until.ts';
import { followCommand } from './rooms/json-lines.ts';
import { startPair, type Pair } from './rooms/pair.ts';

let pair: Pair;

beforeAll(async () => {
  pair = await startPair();
});

test('a document is made from the input, shared, mirrored, patched, watched and taken back', async () => {
  const { lubeck, bergen } = pair;
  const words = ['--context', 'lubeck', '-o', 'json', 'document', 'put', 'boards/sales'];
  const input = '{"title": "Sales", "panels": [1, 2]}';
  const made = await run(
    process.execPath,
    [program, ...words, '--file', '-', '--type', 'monitoring/dashboard'],
    { cwd: lubeck.home, env: lubeck.env, input },
  );
  expect(made.json<Document>()).toMatchObject({ version: 1, type: 'monitoring/dashboard' });
  const sharing = ['share', 'add', 'boards/sales', '--to', 'bergen'];
  const rule = await must<ShownRule>(lubeck, ...sharing);
  const asking = ['catalog', 'list', '--kind', 'document'];
  const catalog = await must<{ items: { type: string }[] }>(bergen, ...asking);
  expect(catalog.items.map(({ type }) => type)).toEqual(['monitoring/dashboard']);
  await must(bergen, 'mirror', 'add', 'lubeck:document/boards/sales');
  const watch = followCommand<DocumentEvent>(bergen, 'document', 'watch', 'lubeck:boards/sales');
  const told = (): unknown[] =>
    watch.seen.map((event) => (event.type === 'put' ? event.document.value : 'deleted'));
  await until('the watch tells it', () => told().length > 0 || notYet(watch.said()));
  await must(lubeck, 'document', 'patch', 'boards/sales', '{"title":null,"panels":[3]}');
  await until('the watch tells the patch', () => told().length > 1 || notYet(watch.said()));
  expect(told()).toEqual([{ title: 'Sales', panels: [1, 2] }, { panels: [3] }]);
  await watch.end();

  const mirrored = await must<ShownDocument>(bergen, 'document', 'get', 'lubeck:boards/sales');
  expect(mirrored).toMatchObject({ role: 'mirror', ownerName: 'lubeck', version: 2 });
  const listing = ['document', 'list', '--type', 'monitoring/dashboard'];
  const listed = await must<{ documents: Document[] }>(bergen, ...listing);
  expect(listed.documents.map(({ name }) => name)).toEqual(['boards/sales']);
  const refused = await bergen.hansa('document', 'put', 'lubeck:boards/sales', '1');
  expect([refused.code, refused.report().code]).toEqual([4, 'RESOURCE_READ_ONLY']);
  expect(refused.report().fix).toContain('hansa sync push lubeck:document/boards/sales');

  await must(lubeck, 'share', 'remove', rule.id, '--yes');
  await untilState(bergen, 'lubeck:document/boards/sales', { state: 'frozen' });
  await must(lubeck, 'document', 'put', 'boards/sales', '{"secret":true}');
  expect((await bergen.hansa('sync', 'now', 'lubeck:document/boards/sales')).code).toBe(3);
  const frozen = await must<ShownDocument>(bergen, 'document', 'get', 'lubeck:boards/sales');
  expect(frozen.value).toEqual({ panels: [3] });
});

test('a document outlives kill -9, and conditions on its version hold', async () => {
  const { lubeck } = pair;
  await must(lubeck, 'document', 'put', 'ports', '{"http":80}', '--if-version', '0');
  await lubeck.kill();
  await lubeck.restart();
  const { value, version } = await must<ShownDocument>(lubeck, 'document', 'get', 'ports');
  expect([value, version]).toEqual([{ http: 80 }, 1]);
  const late = await lubeck.hansa('document', 'put', 'ports', '{}', '--if-version', '0');
  expect([late.code, late.report().code]).toEqual([5, 'CONFLICT']);
  const asked = await lubeck.hansa('document', 'delete', 'ports');
  expect(asked.report().code).toBe('NOT_CONFIRMED');
  await must(lubeck, 'document', 'delete', 'ports', '--if-version', '1', '--yes');
  expect((await lubeck.hansa('document', 'get', 'ports')).code).toBe(3);
});
