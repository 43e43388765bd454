// A space that several clusters write: each in its lane, merged by the owner under the space's
// rule, read by everybody; what no rule decides waits for a person, with both authors.
import type { Conflict } from '@hansa/capabilities/lanes/contract';
import type { KvEntry } from '@hansa/capabilities/kv/contract';
import { beforeAll, describe, expect, test } from 'vitest';
import type { Cluster } from './harness/cluster.ts';
import { must } from './harness/linking.ts';
import { until } from './harness/until.ts';
import { startPair, type Pair } from './rooms/pair.ts';

let pair: Pair;

beforeAll(async () => {
  pair = await startPair();
});

async function read(cluster: Cluster, space: string, key: string): Promise<string | undefined> {
  const done = await cluster.hansa('kv', 'get', space, key);
  return done.code === 0 ? done.json<KvEntry>().text : undefined;
}

const reads = (cluster: Cluster, space: string, key: string, text: string | undefined) =>
  until(`${cluster.name} reads ${key} = ${text ?? 'nothing'}`, async () =>
    (await read(cluster, space, key)) === text ? true : undefined,
  );

/** A space of lubeck's that bergen mirrors and may write. */
async function shared(name: string, rule: string): Promise<void> {
  const { lubeck, bergen } = pair;
  await must(lubeck, 'kv', 'create', name, '--rule', rule, '--shared');
  await must(lubeck, 'share', 'add', `kv/${name}`, '--to', 'bergen', '--allow', 'see,pull,push');
  await must(lubeck, 'kv', 'put', name, 'begun', '1');
  await must(bergen, 'mirror', 'add', `lubeck:kv/${name}`);
  await reads(bergen, `lubeck:${name}`, 'begun', '1');
}

describe('a shared space', () => {
  test('is written from both sides: each reads its own writes at once, and soon the other’s', async () => {
    const { lubeck, bergen } = pair;
    await shared('config', 'last-write-wins');
    await must(bergen, 'kv', 'put', 'lubeck:config', 'colour', 'blue');
    expect(await read(bergen, 'lubeck:config', 'colour')).toBe('blue');
    await reads(lubeck, 'config', 'colour', 'blue');
    const entry = await must<KvEntry>(lubeck, 'kv', 'get', 'config', 'colour');
    const { keys } = await must<{ keys: { key: string }[] }>(bergen, 'identity', 'log');
    expect(entry.writtenBy).toBe(keys[0]?.key);
    // Whoever has seen the other's write overwrites it, whatever the clocks say.
    await must(lubeck, 'kv', 'put', 'config', 'colour', 'red');
    await reads(bergen, 'lubeck:config', 'colour', 'red');
    await must(bergen, 'kv', 'delete', 'lubeck:config', 'colour');
    await reads(lubeck, 'config', 'colour', undefined);
  });

  test('under the rule "max" comes to the same on both sides, also after writes in a partition', async () => {
    const { lubeck, bergen } = pair;
    await shared('levels', 'max');
    await must(bergen, 'kv', 'put', 'lubeck:levels', 'tide', '3');
    await reads(lubeck, 'levels', 'tide', '3');
    await lubeck.stop();
    await must(bergen, 'kv', 'put', 'lubeck:levels', 'tide', '9');
    await bergen.stop();
    await lubeck.restart();
    await must(lubeck, 'kv', 'put', 'levels', 'tide', '7');
    await bergen.restart();
    await reads(lubeck, 'levels', 'tide', '9');
    await reads(bergen, 'lubeck:levels', 'tide', '9');
  });

  test('under "manual" keeps both until a person decides', async () => {
    const { lubeck, bergen } = pair;
    await shared('plan', 'manual');
    await lubeck.stop();
    await must(bergen, 'kv', 'put', 'lubeck:plan', 'route', 'north');
    await bergen.stop();
    await lubeck.restart();
    await must(lubeck, 'kv', 'put', 'plan', 'route', 'south');
    await bergen.restart();
    const [conflict] = await until('lubeck lists the conflict', async () => {
      const { conflicts } = await must<{ conflicts: readonly Conflict[] }>(
        lubeck,
        'conflict',
        'list',
        '--resource',
        'kv/plan',
      );
      return conflicts.length > 0 ? conflicts : undefined;
    });
    expect(conflict).toMatchObject({
      key: 'route',
      ours: { author: 'lubeck', shown: 'south' },
      theirs: { author: 'bergen', shown: 'north' },
    });
    expect(await read(lubeck, 'plan', 'route')).toBe('south');
    await must(lubeck, 'conflict', 'resolve', conflict?.id ?? '', '--take', 'theirs');
    expect(await read(lubeck, 'plan', 'route')).toBe('north');
    await reads(bergen, 'lubeck:plan', 'route', 'north');
  });

  test('beside a shared document, whose JSON is merged where both wrote at once', async () => {
    const { lubeck, bergen } = pair;
    await must(lubeck, 'document', 'put', 'board', '{"berths":9}', '--shared');
    await must(
      lubeck,
      'share',
      'add',
      'document/board',
      '--to',
      'bergen',
      '--direction',
      'bidirectional',
    );
    await must(bergen, 'mirror', 'add', 'lubeck:document/board');
    const value = async (cluster: Cluster, name: string): Promise<unknown> => {
      const done = await cluster.hansa('document', 'get', name);
      return done.code === 0 ? done.json<{ value: unknown }>().value : undefined;
    };
    await until('it has arrived', async () => (await value(bergen, 'lubeck:board')) !== undefined);
    await lubeck.stop();
    await must(bergen, 'document', 'patch', 'lubeck:board', '{"crane":"north"}');
    expect(await value(bergen, 'lubeck:board')).toEqual({ berths: 9, crane: 'north' });
    await bergen.stop();
    await lubeck.restart();
    await must(lubeck, 'document', 'patch', 'board', '{"berths":10}');
    await bergen.restart();
    const together = JSON.stringify({ berths: 10, crane: 'north' });
    const same = async (cluster: Cluster, name: string): Promise<boolean> =>
      JSON.stringify(await value(cluster, name)) === together;
    await until('lubeck has both', () => same(lubeck, 'board'));
    await until('bergen has both', () => same(bergen, 'lubeck:board'));
  });

  test('is not written without the verb push, and one that is not shared not at all', async () => {
    const { lubeck, bergen } = pair;
    await must(lubeck, 'kv', 'create', 'readable', '--shared');
    await must(lubeck, 'share', 'add', 'kv/readable', '--to', 'bergen');
    await must(lubeck, 'kv', 'put', 'readable', 'key', 'value');
    await must(bergen, 'mirror', 'add', 'lubeck:kv/readable');
    await reads(bergen, 'lubeck:readable', 'key', 'value');
    const denied = await bergen.hansa('kv', 'put', 'lubeck:readable', 'key', 'other');
    expect(denied.stderr).toContain('POLICY_DENIED');
    expect(await read(bergen, 'lubeck:readable', 'key')).toBe('value');
    await must(lubeck, 'kv', 'create', 'alone');
    await must(lubeck, 'share', 'add', 'kv/alone', '--to', 'bergen', '--allow', 'see,pull,push');
    await must(lubeck, 'kv', 'put', 'alone', 'key', 'value');
    await must(bergen, 'mirror', 'add', 'lubeck:kv/alone');
    await reads(bergen, 'lubeck:alone', 'key', 'value');
    const refused = await bergen.hansa('kv', 'put', 'lubeck:alone', 'key', 'other');
    expect(refused.stderr).toContain('RESOURCE_READ_ONLY');
  });
});
