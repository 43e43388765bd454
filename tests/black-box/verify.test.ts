// Evidence from real nodes, checked by the program that shares no code with them: as a command, and
// by itself.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, test } from 'vitest';
import { startCluster, type Cluster } from './harness/cluster.ts';
import { commit } from './harness/git.ts';
import { linkClusters, must } from './harness/linking.ts';
import { publish, push, untilCaughtUp } from './harness/mirroring.ts';
import { temporaryFolder } from './harness/place.ts';
import { run, type Finished } from './harness/run.ts';

interface Bundle {
  format: string;
  evidence: Record<string, unknown>[];
}

const alone = fileURLToPath(new URL('../../verify/dist/main.js', import.meta.url));

let lubeck: Cluster;
let bergen: Cluster;
let folder: string;
/** What bergen exports of its mirror. */
let mirrored: Bundle;

async function exported(cluster: Cluster, ...args: string[]): Promise<Bundle> {
  return must<Bundle>(cluster, 'evidence', 'export', ...args);
}

function written(name: string, bundle: unknown): string {
  const file = join(folder, name);
  writeFileSync(file, JSON.stringify(bundle));
  return file;
}

/** Without a node, a home or an environment of ours. */
function checkAlone(...args: string[]): Promise<Finished> {
  return run(process.execPath, [alone, ...args], { cwd: folder, env: {} });
}

beforeAll(async () => {
  [lubeck, bergen] = (await Promise.all(
    ['lubeck', 'bergen'].map((name) => startCluster({ name, flags: ['--sync-interval', '1'] })),
  )) as [Cluster, Cluster];
  folder = temporaryFolder('evidence');
  await linkClusters(lubeck, bergen);
  const working = await publish(lubeck, 'atlas');
  await must(lubeck, 'share', 'add', 'atlas', '--to', 'bergen', '--allow', 'see,pull');
  await must(bergen, 'mirror', 'add', 'lubeck:atlas');
  for (const text of ['one', 'two']) {
    await commit(working, text);
    await push(working, lubeck, 'atlas');
  }
  await must(lubeck, 'identity', 'rotate', '--yes');
  await commit(working, 'three');
  await push(working, lubeck, 'atlas');
  await untilCaughtUp({ owner: lubeck, cluster: bergen, name: 'atlas' });
  mirrored = await exported(bergen, 'lubeck:atlas');
}, 120_000);

test('what a mirror holds is proven by its owner’s signature, with neither of them running', async () => {
  const file = written('mirror.json', mirrored);
  const { code, stdout } = await checkAlone(file);
  expect(stdout).toMatch(/^ok +key-log .* rotated its key 1 time/m);
  expect(stdout).toMatch(/^ok +head git\/atlas: /m);
  expect(stdout).toMatch(/^ok +entries git\/atlas: \d+ entries are all of the content/m);
  expect(stdout).toMatch(/^all \d+ verified$/m);
  expect(code).toBe(0);
});

test('an owner proves its content, its node and every change from the first one on', async () => {
  const content = written('content.json', await exported(lubeck, 'atlas'));
  const changes = written('changes.json', await exported(lubeck, 'atlas', '--since', '0'));
  const shown = await lubeck.hansa('verify', content, changes);
  expect([shown.code, shown.stderr]).toEqual([0, '']);
  const { verdicts } = shown.json<{ verdicts: { kind: string; sentence: string }[] }>();
  const kinds = verdicts.map(({ kind }) => kind);
  expect(kinds).toEqual(expect.arrayContaining(['certificate', 'entries', 'changes']));
  expect(verdicts.find(({ kind }) => kind === 'changes')?.sentence).toContain('from the first one');
});

test('the export is written as a file is redirected', async () => {
  const { stdout } = await bergen.hansaPlain('evidence', 'export', 'lubeck:atlas');
  const file = join(folder, 'redirected.json');
  writeFileSync(file, stdout);
  expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ format: 'hansa/evidence/1' });
  expect((await checkAlone(file)).code).toBe(0);
});

describe('what somebody has changed', () => {
  const item = (bundle: Bundle, kind: string): Record<string, unknown> => {
    const found = bundle.evidence.find((each) => each['kind'] === kind);
    expect(found).toBeDefined();
    return found ?? {};
  };

  test.each<[what: string, change: (bundle: Bundle) => void, sentence: string]>([
    [
      'an entry that is left out',
      (bundle) => {
        const entries = item(bundle, 'entries');
        entries['entries'] = (entries['entries'] as unknown[]).slice(1);
      },
      'do not give the digest',
    ],
    [
      'a head that says another sequence',
      (bundle) => {
        const head = item(bundle, 'head');
        head['sequence'] = Number(head['sequence']) + 1;
      },
      'the head was changed',
    ],
    [
      'a key log without its rotation',
      (bundle) => {
        item(bundle, 'key-log')['rotations'] = [];
      },
      'no key log here reaches it',
    ],
    [
      'no head at all',
      (bundle) => {
        bundle.evidence = bundle.evidence.filter((each) => each['kind'] !== 'head');
      },
      'no verified head',
    ],
  ])('%s is named, and the exit code says so', async (_what, change, sentence) => {
    const bundle = structuredClone(mirrored);
    change(bundle);
    const { code, stdout } = await checkAlone(written('changed.json', bundle));
    expect(stdout).toContain(sentence);
    expect(stdout).toMatch(/do not verify/);
    expect(code).toBe(7);
  });
});

test('a file that is not there, or no evidence, is told apart from a false one', async () => {
  expect((await checkAlone(join(folder, 'nowhere.json'))).code).toBe(3);
  writeFileSync(join(folder, 'text.json'), 'no JSON');
  expect((await checkAlone(join(folder, 'text.json'))).code).toBe(2);
  expect((await checkAlone()).code).toBe(2);
  expect((await checkAlone(written('other.json', { format: 'other' }))).code).toBe(7);
  const pinned = await checkAlone('--cluster', '0'.repeat(64), written('mirror.json', mirrored));
  expect(pinned.stdout).toContain('was not asked about');
  expect(pinned.code).toBe(7);
});
