import { federatedId, localId, type ClusterId } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { commandNamed, runCommand, type CommandLine } from '../../testkit/command-context.ts';
import { catalogCommands } from './cli.ts';
import type { CatalogItem } from './contract.ts';

const owner = 'ab'.repeat(32) as ClusterId;
const item: CatalogItem = {
  resource: federatedId(owner, localId('git', 'hansa')),
  kind: 'git',
  type: '',
  name: 'hansa',
  owner,
  ownerName: 'lubeck',
  description: 'the league',
  labels: { team: 'sea' },
  epoch: 1,
  sequence: 42,
  verbs: ['see', 'pull'],
};
const list = (answer: object, options: CommandLine['options'] = {}) =>
  runCommand(commandNamed(catalogCommands, 'catalog list'), {
    answers: { 'catalog.list': answer },
    options,
  });

test('the catalog shows what we may do with each thing, and how to mirror one', async () => {
  const own = { ...item, name: 'own', ownerName: 'bergen', verbs: ['see', 'pull', 'push'] };
  const answer = { items: [own, item], unanswered: [] };
  const { shown, output, calls } = await list(answer);
  expect(calls).toEqual([['catalog.list', { peer: undefined, kind: undefined }]]);
  expect(shown.split('\n')[2]).toBe('lubeck|git|hansa||see, pull|1/42|team=sea|the league');
  expect(output.data).toEqual(answer);
  expect(output.next).toEqual(['hansa mirror add lubeck:hansa']);
});

test('peers that could not be asked are named below the list, with the reason', async () => {
  const problem = { code: 'LINK_DOWN', message: 'the link is not connected now' };
  const { shown, output } = await list({ items: [], unanswered: [{ peer: 'visby', problem }] });
  expect(shown).toBe(
    'Nothing to see yet.\nvisby could not be asked. LINK_DOWN: the link is not connected now',
  );
  expect(output.exit ?? 0).toBe(0);
});

test('options narrow the list', async () => {
  const answer = { items: [], unanswered: [] };
  const { calls, shown } = await list(answer, { peer: 'lubeck', kind: 'git' });
  expect(calls[0]?.[1]).toEqual({ peer: 'lubeck', kind: 'git' });
  expect(shown).toBe('lubeck shares nothing with this cluster.');
  const own = await list({ ...answer, items: [item] }, { own: true });
  expect(own.calls[0]?.[1]).toMatchObject({ own: true });
  expect(own.output.next).toEqual(['hansa share add hansa --to <peer>']);
});

test('what has another kind than git is named with it, as it is typed', async () => {
  const prices = { ...item, kind: 'kv', name: 'prices' };
  const { shown, output } = await list({ items: [prices], unanswered: [] });
  expect(shown.split('\n')[1]).toMatch(/^lubeck\|kv\|kv\/prices\|/);
  expect(output.next).toEqual(['hansa mirror add lubeck:kv/prices']);
});

test('--own of a peer is USAGE', () =>
  expect(list({}, { own: true, peer: 'lubeck' })).rejects.toMatchObject({ code: 'USAGE' }));
