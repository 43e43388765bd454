import { HansaError, type Carrier, type CommandOutput, type CommandView } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { createClusterNames } from './cluster-names.ts';

const own = 'ab'.repeat(32);
const bergen = 'cd'.repeat(32);
const stranger = 'ef'.repeat(32);
const { signal } = new AbortController();

function asked(answers: Readonly<Record<string, unknown>>) {
  const calls: string[] = [];
  const carrier: Carrier = {
    async call(contract, method) {
      calls.push(`${contract.name}.${method}`);
      const answer = answers[contract.name];
      if (answer === undefined) {
        throw new HansaError('FORBIDDEN', 'not yours to see');
      }
      return answer;
    },
    watch: () => expect.fail('nothing is watched'),
  };
  return { calls, names: createClusterNames(carrier, signal) };
}

const link = { peer: bergen, name: 'bergen', status: 'live' };
const status = {
  cluster: own,
  name: 'lubeck',
  node: own,
  version: '0.1.0',
  pid: 1,
  uptimeMs: 0,
  data: '',
  api: '',
  federation: 'on',
  warnings: [],
  addresses: [],
  store: { engine: '', durability: '', revision: 0, sizeBytes: 0 },
  resources: 0,
  rules: 0,
  trust: { trusted: 0, blocked: 0, requests: 0 },
  links: [link],
  mirrors: [],
  memoryBytes: 0,
};
const answers = { daemon: status };

test.each([
  [`user:anna@${bergen}`, 'user:anna@bergen'],
  [`service:a/ci@${own}.`, 'service:a/ci@lubeck.'],
  [`cluster:${bergen}, cluster:${stranger}`, 'cluster:bergen, cluster:efefefef'],
  [`${bergen}:kv/prices`, 'bergen:kv/prices'],
  [
    `viewer in cluster ${bergen}, editor in cluster ${stranger}`,
    'viewer in bergen, editor in cluster efefefef',
  ],
  [`anna@${stranger}`, 'anna@efefefef'],
])('%s is shown as %s', async (text, wanted) => {
  expect(await asked(answers).names.named(text)).toBe(wanted);
});

test.each([bergen, `key:${bergen}`, `@${bergen}/prices`, 'nothing of the kind'])(
  '%s stays, and no name is asked for',
  async (text) => {
    const { calls, names } = asked(answers);
    expect(await names.named(text)).toBe(text);
    expect(calls).toEqual([]);
  },
);

test('names are asked for once, and ids are short for whoever may not know them', async () => {
  const { calls, names } = asked(answers);
  const lines = [`user:anna@${own}`, `user:ben@${bergen}`];
  expect(await Promise.all(lines.map(names.named))).toEqual([
    'user:anna@lubeck',
    'user:ben@bergen',
  ]);
  expect(calls).toEqual(['daemon.status']);
  const short = await Promise.all(lines.map(asked({}).names.named));
  expect(short).toEqual(['user:anna@abababab', 'user:ben@cdcdcdcd']);
});

test('an answer that says so is shown with names everywhere but in its data', async () => {
  const text = `cluster:${bergen}`;
  const view: CommandView = {
    kind: 'stack',
    views: [
      { kind: 'text', text },
      { kind: 'record', fields: [['who', text]] },
      { kind: 'table', columns: ['WHO'], rows: [[text]], empty: '' },
    ],
  };
  const output: CommandOutput = { data: { text }, view, namesClusters: true, next: [text] };
  const { names } = asked(answers);
  const shown = await names.shown(output);
  expect(shown.data).toEqual({ text });
  expect(JSON.stringify(shown.view).match(/cluster:bergen/g)).toHaveLength(3);
  expect(JSON.stringify(shown.view)).not.toContain(bergen);
  expect(shown.next).toEqual(['cluster:bergen']);
  const plain = { data: { text }, view };
  expect(await names.shown(plain)).toBe(plain);
});
