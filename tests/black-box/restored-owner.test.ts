// An owner that deletes what it shares, and is restored from a backup that still has it, knows
// nothing of the withdrawal: its mirror asks, and follows again.
import { cpSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { startCluster, type Cluster } from './harness/cluster.ts';
import { linkClusters, must, untilLinked } from './harness/linking.ts';
import { untilState } from './harness/mirroring.ts';
import { temporaryFolder } from './harness/place.ts';
import { notYet, until } from './harness/until.ts';

const fast = ['--sync-interval', '1'];

test('a mirror that was withdrawn thaws when the owner’s backup is back; meanwhile it takes no write', async () => {
  const [lubeck, bergen] = (await Promise.all(
    ['lubeck', 'bergen'].map((name) => startCluster({ name, flags: fast })),
  )) as [Cluster, Cluster];
  await linkClusters(lubeck, bergen);
  await must(lubeck, 'kv', 'create', 'harbour', '--shared');
  await must(lubeck, 'kv', 'put', 'harbour', 'tide', 'low');
  await must(lubeck, 'share', 'add', 'kv/harbour', '--to', 'bergen', '--allow', 'see,pull,push');
  await must(bergen, 'mirror', 'add', 'lubeck:kv/harbour');
  await untilState(bergen, 'lubeck:kv/harbour', { state: 'current' });
  await must(bergen, 'kv', 'put', 'lubeck:harbour', 'berth', '7');
  await until('lubeck has taken what bergen wrote', async () => {
    const { code } = await lubeck.hansa('kv', 'get', 'harbour', 'berth');
    return code === 0 ? true : notYet(code);
  });

  const backup = join(temporaryFolder('backup'), 'data');
  await lubeck.stop();
  cpSync(lubeck.data, backup, { recursive: true });
  await lubeck.restart();
  await untilLinked(bergen, 'lubeck');
  await must(lubeck, 'kv', 'remove', 'harbour', '--yes');
  await untilState(bergen, 'lubeck:kv/harbour', { state: 'frozen' });
  const refused = await bergen.hansa('kv', 'put', 'lubeck:harbour', 'tide', 'ebb');
  expect(refused.code).toBe(4);
  const { code, message } = refused.report();
  expect(code).toBe('MIRROR_FROZEN');
  expect(message).toContain('it is deleted here at');

  await lubeck.stop();
  rmSync(lubeck.data, { recursive: true });
  cpSync(backup, lubeck.data, { recursive: true });
  await lubeck.restart();
  await untilState(bergen, 'lubeck:kv/harbour', { state: 'current' });
  await must(bergen, 'kv', 'put', 'lubeck:harbour', 'tide', 'ebb');
}, 120_000);
