// Bits that flip on the disks of real nodes: never wrong data, always a clear error, found by a
// scrub, and put right from a peer.
import { readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ScrubReport, ScrubStatus } from '@hansa/capabilities/scrub/contract';
import { open } from 'lmdb';
import { describe, expect, test } from 'vitest';
import { requires } from '../../testkit/needs.ts';
import { startCluster, type Cluster } from './harness/cluster.ts';
import { gitOk } from './harness/git.ts';
import { linkClusters, must, untilLinked } from './harness/linking.ts';
import { mirrorUrl, ownUrl, publish, untilState } from './harness/mirroring.ts';
import { temporaryFolder } from './harness/place.ts';

const fast = ['--sync-interval', '1'];

/** Flips one bit in the middle of a file. */
function flipFile(path: string): void {
  const bytes = readFileSync(path);
  const at = bytes.length >> 1;
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  writeFileSync(path, bytes);
}

/** Flips the last bit of every record of the store whose key and value say all of the words. */
async function flipRecords(data: string, ...words: readonly string[]): Promise<number> {
  const raw = open<Buffer, Buffer>({
    path: join(data, 'store'),
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
  });
  let flipped = 0;
  const states = Array.from(raw.getRange({ start: Buffer.of(2), end: Buffer.of(3) }));
  for (const { key, value } of states) {
    const text = `${key.toString('latin1')} ${value.toString('latin1')}`;
    if (words.every((word) => text.includes(word))) {
      const bytes = Buffer.from(value);
      bytes[bytes.length - 1] = (bytes.at(-1) ?? 0) ^ 1;
      await raw.put(key, bytes);
      flipped += 1;
    }
  }
  await raw.close();
  return flipped;
}

function filesBelow(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((each) => {
    const path = join(folder, each.name);
    return each.isDirectory() ? filesBelow(path) : [path];
  });
}

async function scrub(cluster: Cluster, ...flags: string[]): Promise<ScrubReport> {
  const done = await cluster.hansa('scrub', ...flags);
  expect(done.code === 0 || done.code === 7 ? '' : done.stderr).toBe('');
  return done.json<ScrubReport>();
}

async function linked(): Promise<[Cluster, Cluster]> {
  const [lubeck, bergen] = (await Promise.all(
    ['lubeck', 'bergen'].map((name) => startCluster({ name, flags: fast })),
  )) as [Cluster, Cluster];
  await linkClusters(lubeck, bergen);
  return [lubeck, bergen];
}

test('an entry of ours and one of a mirror: an error where it is read, and right again from the other side', async () => {
  const [lubeck, bergen] = await linked();
  await must(lubeck, 'kv', 'create', 'prices');
  await must(lubeck, 'share', 'add', 'kv/prices', '--to', 'bergen');
  await must(bergen, 'mirror', 'add', 'lubeck:kv/prices');
  await must(lubeck, 'kv', 'put', 'prices', 'herring', 'canary-twelve');
  await must(lubeck, 'kv', 'put', 'prices', 'salt', 'canary-seven');
  await untilState(bergen, 'lubeck:kv/prices', { state: 'current' });
  expect((await scrub(lubeck)).found).toEqual([]);

  await lubeck.stop();
  // Its entry and the change that wrote it: only the mirror has it now.
  expect(await flipRecords(lubeck.data, 'resources', 'canary-twelve')).toBe(2);
  await lubeck.restart();
  await untilLinked(lubeck, 'bergen');
  const read = await lubeck.hansa('kv', 'get', 'prices', 'herring');
  expect(read.code).toBe(7);
  expect(read.report().code).toBe('STORE_DAMAGED');
  expect(read.stdout).not.toContain('canary');
  const named = await scrub(lubeck);
  expect(named.found.length).toBeGreaterThan(0);
  expect(named.found.every(({ repairedMs }) => repairedMs === undefined)).toBe(true);
  const { warnings } = await must<{ warnings: { code: string }[] }>(lubeck, 'status');
  expect(warnings.map(({ code }) => code)).toContain('DATA_DAMAGED');
  const repaired = await scrub(lubeck, '--repair');
  expect(repaired.found.filter((each) => each.repairedMs === undefined)).toEqual([]);
  const from = repaired.found.filter((each) => each.class === 'resources').map((each) => each.from);
  expect(from).toEqual(['a mirror of it']);
  expect(await must(lubeck, 'kv', 'get', 'prices', 'herring')).toMatchObject({
    text: 'canary-twelve',
  });
  expect((await scrub(lubeck)).found).toEqual([]);

  await bergen.stop();
  expect(await flipRecords(bergen.data, 'sync', 'entry', 'canary-seven')).toBe(1);
  await bergen.restart();
  await untilLinked(bergen, 'lubeck');
  const mirrored = await bergen.hansa('kv', 'get', 'lubeck:prices', 'salt');
  expect(mirrored.report().code).toBe('STORE_DAMAGED');
  const back = await scrub(bergen, '--repair');
  expect(back.found.filter((each) => each.repairedMs === undefined)).toEqual([]);
  expect(await must(bergen, 'kv', 'get', 'lubeck:prices', 'salt')).toMatchObject({
    text: 'canary-seven',
  });
  const { findings } = await must<ScrubStatus>(bergen, 'scrub', 'status');
  expect(findings.every(({ repairedMs }) => repairedMs !== undefined)).toBe(true);
  await Promise.all([lubeck.stop(), bergen.stop()]);
}, 120_000);

test('a record that has one copy alone is named, and left where it is', async () => {
  const lubeck = await startCluster({ name: 'lubeck' });
  await must(lubeck, 'greeting', 'say', 'Ada');
  await lubeck.stop();
  expect(await flipRecords(lubeck.data, 'greeting', 'Ada')).toBe(1);
  await lubeck.restart();
  const { found } = await scrub(lubeck, '--repair');
  expect(found).toHaveLength(1);
  expect(found[0]).toMatchObject({ class: 'store' });
  expect(found[0]?.reason).toContain('restore a backup');
  await lubeck.stop();
}, 60_000);

describe.skipIf(!requires('git').available)('with repositories', () => {
  test('a blob and a pack of git: set aside, fetched from the mirror and from the owner, built anew', async () => {
    const [lubeck, bergen] = await linked();
    await publish(lubeck, 'atlas');
    await must(lubeck, 'share', 'add', 'git/atlas', '--to', 'bergen');
    await must(bergen, 'mirror', 'add', 'lubeck:git/atlas');
    await untilState(bergen, 'lubeck:git/atlas', { state: 'current' });
    for (const cluster of [lubeck, bergen]) {
      const blobs = filesBelow(join(cluster.data, 'blobs', 'blobs'));
      expect(blobs.length).toBeGreaterThan(0);
      blobs.forEach(flipFile);
      const report = await scrub(cluster);
      expect(report.found.filter((each) => each.class === 'blobs')).toHaveLength(blobs.length);
      expect(filesBelow(join(cluster.data, 'blobs', 'aside'))).toHaveLength(blobs.length);
      const repaired = await scrub(cluster, '--repair');
      expect(repaired.found.filter((each) => each.repairedMs === undefined)).toEqual([]);
      expect(filesBelow(join(cluster.data, 'blobs', 'blobs'))).toHaveLength(blobs.length);
    }
    for (const cluster of [lubeck, bergen]) {
      const packs = filesBelow(join(cluster.data, 'git')).filter((path) => path.endsWith('.pack'));
      expect(packs.length).toBeGreaterThan(0);
      packs.filter((path) => statSync(path).size > 0).forEach(flipFile);
      const { found } = await scrub(cluster, '--repair');
      expect(found.map((each) => [each.class, each.from])).toEqual([['caches', 'its packs']]);
    }
    const into = temporaryFolder('clone');
    await gitOk(into, 'clone', '--quiet', ownUrl(lubeck, 'atlas'), 'own');
    await gitOk(into, 'clone', '--quiet', mirrorUrl(bergen, 'lubeck', 'atlas'), 'mirrored');
    await Promise.all([lubeck.stop(), bergen.stop()]);
  }, 120_000);
});
