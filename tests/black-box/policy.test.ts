// Everything that a rule can say, on running clusters: labels of links, limits, whole files of
// rules, and who can do what by which rule.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { CatalogItem } from '@hansa/capabilities/catalog/contract';
import type { Link } from '@hansa/capabilities/links/contract';
import type {
  Explanation,
  Grant,
  Plan,
  RulesDiff,
  ShownRule,
} from '@hansa/capabilities/policies/contract';
import { beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { startCluster, type Cluster } from './harness/cluster.ts';
import { linkClusters, must, untilLinked } from './harness/linking.ts';
import { temporaryFolder } from './harness/place.ts';
import { notYet, until } from './harness/until.ts';

let lubeck: Cluster;
let bergen: Cluster;
let visby: Cluster;
let folder: string;

beforeAll(async () => {
  [lubeck, bergen, visby] = await Promise.all([
    startCluster({ name: 'lubeck' }),
    startCluster({ name: 'bergen' }),
    startCluster({ name: 'visby' }),
  ]);
  await Promise.all([linkClusters(lubeck, bergen), linkClusters(lubeck, visby)]);
  folder = temporaryFolder('rules');
  await must(lubeck, 'repo', 'create', 'hansa');
  await must(lubeck, 'repo', 'create', 'team/app');
});

beforeEach(async () => {
  await lubeck.api('PUT', '/rules', { rules: [] });
});

/** Over the API: quick enough to look again and again. */
async function seenBy(cluster: Cluster): Promise<string[]> {
  const { body } = await cluster.api<{ items: CatalogItem[] }>('GET', '/catalog?peer=lubeck');
  return body.items.map(({ name }) => name).toSorted();
}

async function rules(): Promise<readonly ShownRule[]> {
  return (await lubeck.api<{ rules: ShownRule[] }>('GET', '/rules')).body.rules;
}

let files = 0;

/** YAML, written as a person would. */
function fileOf(lines: readonly string[]): string {
  files += 1;
  const path = join(folder, `rules-${files}.yaml`);
  writeFileSync(path, lines.length === 0 ? 'rules: []\n' : `rules:\n${lines.join('\n')}\n`);
  return path;
}

describe('labels of a link', () => {
  test('let a rule mean many peers, as --plan says before they are written', async () => {
    await must(lubeck, 'policy', 'add', 'hansa', '--to-label', 'region=eu');
    expect(await seenBy(bergen)).toEqual([]);
    const words = ['link', 'label', 'bergen', 'region=eu'];
    const plan = await must<Plan>(lubeck, ...words, '--plan');
    expect(plan.rows).toMatchObject([
      { change: 'gains', peerName: 'bergen', resource: 'git/hansa', verbs: ['see', 'pull'] },
    ]);
    expect(await seenBy(bergen)).toEqual([]);
    expect((await must<Link>(lubeck, ...words)).labels).toEqual({ region: 'eu' });
    expect(await seenBy(bergen)).toEqual(['hansa']);
    expect(await seenBy(visby)).toEqual([]);
    const unasked = await lubeck.hansa('link', 'label', 'bergen', '--wipe', 'region');
    expect(unasked.report().code).toBe('NOT_CONFIRMED');
    expect(await seenBy(bergen)).toEqual(['hansa']);
    await must(lubeck, 'link', 'label', 'bergen', '--wipe', 'region', '--yes');
    expect(await seenBy(bergen)).toEqual([]);
    // The peer is not told how we sort it.
    expect((await bergen.hansa('link', 'show', 'lubeck')).stdout).not.toContain('region');
  });
});

describe('a limit', () => {
  test('of residency takes away what an allowance gave, and says so to who asks why', async () => {
    await must(lubeck, 'policy', 'add', '**', '--to', 'public');
    expect(await seenBy(bergen)).toEqual(['hansa', 'team/app']);
    const words = ['policy', 'add', 'team/**', '--to', 'public', '--limit', 'see,pull'];
    const residency = ['--residency', 'region=eu,se'];
    const plan = await must<Plan>(lubeck, 'policy', 'plan', ...words.slice(2), ...residency);
    expect(new Set(plan.rows.map(({ change, peerName }) => `${peerName} ${change}`))).toEqual(
      new Set(['bergen loses', 'visby loses', 'any cluster loses']),
    );
    const limit = await must<ShownRule>(lubeck, ...words, ...residency);
    expect(await seenBy(bergen)).toEqual(['hansa']);
    const why = await must<Explanation>(lubeck, 'why', 'bergen', 'pull', 'team/app');
    expect(why).toMatchObject({ allowed: false, rule: { id: limit.id } });
    expect(why.reason).toContain('region in eu, se');
    await must(lubeck, 'link', 'label', 'bergen', 'region=se');
    expect(await seenBy(bergen)).toEqual(['hansa', 'team/app']);
    expect(await seenBy(visby)).toEqual(['hansa']);
    await must(lubeck, 'link', 'label', 'bergen', '--wipe', 'region', '--yes');
  });

  test('of time ends by itself', async () => {
    await must(lubeck, 'policy', 'add', 'hansa', '--to', 'bergen');
    await must(
      lubeck,
      'policy',
      'add',
      'hansa',
      '--to',
      'bergen',
      '--limit',
      'see',
      '--ends',
      '3s',
    );
    expect(await seenBy(bergen)).toEqual(['hansa']);
    await until('bergen no longer sees it', async () => {
      const names = await seenBy(bergen);
      return names.length === 0 ? true : notYet(names);
    });
  });

  test('of a budget is told before anything is served, with how much of it is used', async () => {
    await must(lubeck, 'policy', 'add', 'hansa', '--to', 'bergen');
    const words = ['policy', 'add', 'hansa', '--to', 'bergen', '--limit', 'pull'];
    const { id } = await must<ShownRule>(lubeck, ...words, '--budget', '10MiB/1h');
    const why = await must<Explanation>(lubeck, 'why', 'bergen', 'pull', 'hansa');
    expect(why).toMatchObject({
      allowed: true,
      limits: [{ id }],
      budgets: [{ rule: id, bytes: 10_485_760, windowMs: 3_600_000, usedBytes: 0 }],
    });
  });
});

describe('a file of rules', () => {
  const lines = [
    '  - effect: allow',
    '    resources: { name: hansa }',
    '    peers: { peer: bergen }',
    '    direction: read-only',
    '  - effect: allow',
    '    resources: { name: "team/**", kind: git }',
    '    peers: { public: true }',
    '    verbs: [see]',
  ];

  test('is compared, planned, and then is exactly what holds, over a restart as well', async () => {
    const old = await must<ShownRule>(lubeck, 'share', 'add', 'hansa', '--to', 'visby');
    const kept = await must<ShownRule>(lubeck, 'share', 'add', 'hansa', '--to', 'bergen');
    const file = fileOf(lines);
    const diff = await must<RulesDiff>(lubeck, 'policy', 'diff', file);
    expect(diff).toMatchObject({ kept: 1, removed: [{ id: old.id }] });
    expect(diff.added).toMatchObject([{ resources: { name: 'team/**' }, verbs: ['see'] }]);
    const rows = diff.rows.map((row) => `${row.peerName} ${row.change} ${row.resource}`);
    expect(rows.toSorted()).toEqual([
      'any cluster gains git/team/app',
      'bergen gains git/team/app',
      'visby gains git/team/app',
      'visby loses git/hansa',
    ]);
    const planned = await must<RulesDiff>(lubeck, 'policy', 'apply', file, '--plan');
    expect(planned.rows).toEqual(diff.rows);
    const refused = await lubeck.hansa('policy', 'apply', file);
    expect(refused.report().code).toBe('NOT_CONFIRMED');
    expect((await rules()).map(({ id }) => id)).toEqual([old.id, kept.id]);
    expect(await seenBy(visby)).toEqual(['hansa']);

    await must(lubeck, 'policy', 'apply', file, '--yes');
    const held = await rules();
    expect(held.map(({ resources }) => resources.name)).toEqual(['hansa', 'team/**']);
    expect(held[0]?.id).toBe(kept.id);
    expect(await seenBy(visby)).toEqual(['team/app']);
    expect(await seenBy(bergen)).toEqual(['hansa', 'team/app']);
    await lubeck.restart();
    await Promise.all([untilLinked(bergen, 'lubeck'), untilLinked(lubeck, 'bergen')]);
    expect(await rules()).toEqual(held);
  });

  test('is written by export, and imported beside what there is', async () => {
    await must(lubeck, 'policy', 'apply', fileOf(lines), '--yes');
    const exported = join(folder, 'exported.yaml');
    const { stdout } = await lubeck.hansaPlain('policy', 'export', '-o', 'yaml');
    writeFileSync(exported, stdout);
    const same = await must<RulesDiff>(lubeck, 'policy', 'diff', exported);
    expect(same).toMatchObject({ added: [], removed: [], kept: 2, rows: [] });
    const more = fileOf([
      '  - { effect: deny, resources: {}, peers: { peer: visby }, verbs: [push] }',
    ]);
    await must(lubeck, 'policy', 'import', more, '--yes');
    expect(await rules()).toHaveLength(3);
  });

  test.each([
    [
      'an unknown verb',
      '  - { effect: allow, resources: {}, peers: { public: true }, verbs: [read] }',
    ],
    [
      'an unknown effect',
      '  - { effect: permit, resources: {}, peers: { public: true }, verbs: [see] }',
    ],
    [
      'an unknown direction',
      '  - { effect: allow, resources: {}, peers: { public: true }, direction: both }',
    ],
    [
      'an unknown kind of peers',
      '  - { effect: allow, resources: {}, peers: { friends: true }, verbs: [see] }',
    ],
    ['no YAML at all', '  - ]'],
  ])('with %s changes nothing', async (_, line) => {
    await must(lubeck, 'share', 'add', 'hansa', '--to', 'bergen');
    const before = await rules();
    const refused = await lubeck.hansa('policy', 'apply', fileOf([line]), '--yes');
    expect(refused.report().code).toBe('INPUT_INVALID');
    expect(await rules()).toEqual(before);
  });
});

test('who-can lists the clusters that may, each with its rule', async () => {
  const direct = await must<ShownRule>(lubeck, 'share', 'add', 'hansa', '--to', 'bergen');
  const grants = async (verb: string): Promise<readonly Grant[]> =>
    (await must<{ grants: Grant[] }>(lubeck, 'policy', 'who-can', verb, 'hansa')).grants;
  expect(await grants('pull')).toMatchObject([{ peerName: 'bergen', rule: { id: direct.id } }]);
  expect(await grants('push')).toEqual([]);
  await must(lubeck, 'policy', 'add', 'hansa', '--to', 'bergen', '--deny', 'pull');
  expect(await grants('pull')).toEqual([]);
  expect(await grants('see')).toHaveLength(1);
});

test('an unknown word on the command line is an error, never a default', async () => {
  const words = ['policy', 'add', 'hansa', '--to', 'bergen'];
  for (const wrong of [
    ['--direction', 'sideways'],
    ['--allow', 'read'],
    ['--limit', 'pull', '--budget', 'much'],
    ['--limit', 'pull'],
  ]) {
    const refused = await lubeck.hansa(...words, ...wrong);
    expect([wrong, refused.code]).toEqual([wrong, 2]);
  }
  expect(await rules()).toEqual([]);
});
