// The audit over real processes: who did what on two linked clusters, in one view; that neither a
// crash nor a file that was changed passes for what was written.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AuditReport, AuditRow, AuditStatus } from '@hansa/capabilities/audit/contract';
import { beforeAll, describe, expect, test } from 'vitest';
import { callApi, startCluster, type Cluster } from './harness/cluster.ts';
import { linkClusters, must } from './harness/linking.ts';
import { untilState } from './harness/mirroring.ts';
import { temporaryFolder } from './harness/place.ts';
import { notYet, until } from './harness/until.ts';

const fast = ['--sync-interval', '1'];

let lubeck: Cluster;
let bergen: Cluster;

beforeAll(async () => {
  [lubeck, bergen] = (await Promise.all(
    ['lubeck', 'bergen'].map((name) => startCluster({ name, flags: fast })),
  )) as [Cluster, Cluster];
  await linkClusters(lubeck, bergen);
});

async function list(cluster: Cluster, ...options: string[]): Promise<readonly AuditRow[]> {
  const { records } = await must<{ records: AuditRow[] }>(cluster, 'audit', 'list', ...options);
  return records;
}

interface Verification {
  readonly verified: boolean;
  readonly reports: readonly AuditReport[];
}

async function untilSigned(cluster: Cluster, sequence: number): Promise<AuditStatus> {
  return until(`${cluster.name}'s audit is countersigned to ${sequence}`, async () => {
    const { body } = await cluster.api<AuditStatus>('GET', '/audit/status');
    return (body.peers[0]?.ours ?? 0) >= sequence ? body : notYet(body.peers);
  });
}

async function lastOf(cluster: Cluster): Promise<number> {
  return (await cluster.api<AuditStatus>('GET', '/audit/status')).body.last;
}

describe('what was done', () => {
  test('is listed with who did it and what became of it, never with what was said', async () => {
    const rule = { effect: 'allow', resources: {}, peers: { public: true }, verbs: ['see'] };
    const canary = 'canary-7f3a9b';
    const { url } = lubeck;
    const wrong = await callApi({ url, token: canary, method: 'GET', path: '/links' });
    expect(wrong.status).toBe(401);
    const issued = ['token', 'issue', '--audience', 'bearer', '--cap', 'api:links.read'];
    const { token, jti } = await must<{ token: string; jti: string }>(lubeck, ...issued);
    const path = '/rules';
    const narrow = await callApi({ url, token, method: 'POST', path, body: rule });
    expect(narrow.status).toBe(403);
    await must(lubeck, 'share', 'add', 'kv/prices', '--to', 'bergen');
    const rows = await list(lubeck, '--limit', '100');
    expect(rows.map(({ act, outcome, principal }) => [act, outcome, principal])).toEqual(
      expect.arrayContaining([
        ['node.started', 'OK', 'node'],
        ['links.invite', 'OK', 'owner'],
        ['links.confirm', 'OK', 'owner'],
        ['http.authenticate', 'UNAUTHENTICATED', 'anonymous'],
        ['tokens.issue', 'OK', 'owner'],
        ['policies.add', 'TOKEN_SCOPE', `token:${jti}`],
        ['policies.add', 'OK', 'owner'],
        ['link-peer.redeem', 'OK', expect.stringMatching(/^cluster:[0-9a-f]{64}$/)],
      ]),
    );
    const refused = await list(lubeck, '--outcome', 'UNAUTHENTICATED');
    expect(refused).toHaveLength(1);
    expect(refused[0]?.source).toMatch(/127\.0\.0\.1/);
    const all = JSON.stringify(rows) + lubeck.log();
    expect(all).not.toContain(canary);
    expect(all).not.toContain(token);
  });

  test('is found by whom it was done to', async () => {
    await must(lubeck, 'user', 'add', 'ben');
    await must(lubeck, 'user', 'disable', 'ben');
    const rows = await list(lubeck, '--target', 'user:ben', '--limit', '1');
    expect(rows).toMatchObject([
      { act: 'directory.putUser', outcome: 'OK', principal: 'owner', target: 'user:ben' },
    ]);
  });

  test('is countersigned by the other cluster, and verifies', async () => {
    const last = await lastOf(lubeck);
    await untilSigned(lubeck, last);
    const { verified, reports } = await must<Verification>(lubeck, 'audit', 'verify');
    expect(verified).toBe(true);
    expect(reports[0]).toMatchObject({ clusterName: 'lubeck', problems: [] });
    expect(reports[0]?.witnesses.at(-1)).toMatchObject({ name: 'bergen' });
    const plain = await lubeck.hansaPlain('audit', 'verify');
    expect(plain.stdout).toMatch(/all follow each other .* Countersigned by bergen to \d+/);
  });

  test('is one view over both clusters where the other’s audit is mirrored', async () => {
    await must(lubeck, 'share', 'add', 'audit/log', '--to', 'bergen');
    await must(bergen, 'mirror', 'add', 'lubeck:audit/log');
    await untilState(bergen, 'lubeck:audit/log', { state: 'current' });
    await must(bergen, 'kv', 'create', 'tides');
    const rows = await list(bergen, '--limit', '200');
    expect(new Set(rows.map(({ clusterName }) => clusterName))).toEqual(
      new Set(['lubeck', 'bergen']),
    );
    const times = rows.map(({ atMs }) => atMs);
    expect(times).toEqual(times.toSorted((a, b) => b - a));
    const theirs = await list(bergen, '--cluster', 'lubeck', '--act', 'policies.*');
    expect(theirs.length).toBeGreaterThan(0);
    expect(theirs.every(({ clusterName }) => clusterName === 'lubeck')).toBe(true);
    const { verified, reports } = await must<Verification>(bergen, 'audit', 'verify');
    expect(verified).toBe(true);
    expect(reports.map(({ clusterName }) => clusterName)).toEqual(['bergen', 'lubeck']);
    const three = ['audit', 'list', '--limit', '3'];
    const first = await must<{ records: AuditRow[]; cursor: string }>(bergen, ...three);
    const next = await list(bergen, '--limit', '3', '--cursor', first.cursor);
    const pages = [...first.records, ...next].map((row) => `${row.cluster}${row.sequence}`);
    expect(new Set(pages).size).toBe(6);
  });

  test('is a file that needs no node, and in which any change is named', async () => {
    const file = join(temporaryFolder('export'), 'audit.jsonl');
    await must(lubeck, 'audit', 'export', '--out', file);
    const good = await lubeck.hansaPlain('audit', 'verify', '--file', file);
    expect([good.code, good.stdout]).toEqual([0, expect.stringContaining('follow each other')]);
    const lines = readFileSync(file, 'utf8').trim().split('\n');
    const records = lines.filter((line) => line.includes('"kind":"audit-record"'));
    const third = records[2] ?? '';
    const spoilt: [string, readonly string[], string][] = [
      [
        'record 3 was changed',
        lines.map((line) => (line === third ? line.replace('"OK"', '"NO"') : line)),
        'changed',
      ],
      ['record 3 is missing', lines.filter((line) => line !== third), 'deleted'],
      ['missing at the end', lines.slice(0, -2), 'cut off'],
      [
        'no chain of records',
        lines.filter((line) => !line.includes('"kind":"audit-record"')),
        'emptied',
      ],
    ];
    for (const [sentence, changed, what] of spoilt) {
      const bad = `${file}.${what.replace(' ', '-')}`;
      writeFileSync(bad, `${changed.join('\n')}\n`);
      const { code, stdout } = await lubeck.hansaPlain('audit', 'verify', '--file', bad);
      expect({ what, code, named: stdout.includes(sentence) }).toEqual({
        what,
        code: 7,
        named: true,
      });
    }
  });

  test('is on the disk before the answer: a kill right after it loses nothing', async () => {
    const before = await lastOf(bergen);
    const path = '/links/invitations';
    const { status } = await bergen.api('POST', path, {});
    await bergen.kill();
    expect(status).toBe(200);
    await bergen.restart();
    const rows = await list(bergen, '--act', 'links.invite', '--cluster', 'own');
    expect(rows[0]?.sequence).toBe(before + 1);
    const { verified } = await must<Verification>(bergen, 'audit', 'verify', '--cluster', 'own');
    expect(verified).toBe(true);
  });
});
