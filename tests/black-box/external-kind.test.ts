// A kind that Hansa does not know, served by a Python program at each of two clusters: what the
// program accepts is mirrored, what it refuses is not, and without it the mirror waits.
import { spawn, type ChildProcess } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import type { ExternalKind } from '@hansa/capabilities/kind-providers/contract';
import type { Mirror } from '@hansa/capabilities/sync/contract';
import { requires } from '../../testkit/needs.ts';
import type { Cluster } from './harness/cluster.ts';
import { must } from './harness/linking.ts';
import { showMirror, untilState } from './harness/mirroring.ts';
import { checkout, temporaryFolder } from './harness/place.ts';
import { endProcess, trackProcess } from './harness/processes.ts';
import { run } from './harness/run.ts';
import { notYet, until } from './harness/until.ts';
import { startPair, type Pair } from './rooms/pair.ts';

const checklist = join(checkout, 'examples', 'external-kind-python', 'checklist.py');
const mirror = 'lubeck:checklist/ship';

describe.skipIf(!requires('python3').available)('a kind served by a Python program', () => {
  let pair: Pair;
  let folder: string;

  beforeAll(async () => {
    pair = await startPair();
    folder = temporaryFolder('summaries');
  });

  const python = async (...args: string[]): Promise<string> => {
    const done = await run('python3', [checklist, '--data', pair.lubeck.data, ...args], {
      cwd: folder,
    });
    if (done.code !== 0) {
      throw new Error(`checklist.py ${args.join(' ')}: ${done.stderr}`);
    }
    return done.stdout;
  };
  const summary = (): string => {
    const [file] = readdirSync(folder).filter((name) => name.endsWith('-ship.txt'));
    return file === undefined ? '' : readFileSync(join(folder, file), 'utf8');
  };
  const untilSummary = (lines: readonly string[]): Promise<string> =>
    until(
      `the summary says ${lines[0]}`,
      () => Promise.resolve(summary() === `${lines.join('\n')}\n` ? summary() : undefined),
      30_000,
    );
  const append = (...ops: object[]): Promise<{ status: number }> =>
    pair.lubeck.api('POST', '/kinds/checklist/append', { name: 'ship', ops });
  const put = (key: string, value: string): object => ({ put: { key, value } });

  async function serve(cluster: Cluster): Promise<ChildProcess> {
    const args = [checklist, '--data', cluster.data, 'serve', '--folder', folder];
    const child = spawn('python3', args, { stdio: 'ignore' });
    trackProcess(child);
    await until('the program serves the kind', async () => {
      const { body, status } = await cluster.api<ExternalKind>('GET', '/kinds/checklist');
      return status === 200 && body.provider !== undefined ? true : undefined;
    });
    return child;
  }

  test(
    'is checked at the mirror, survives restarts of both sides, and waits while nobody serves it',
    { timeout: 60_000 },
    async () => {
      const { lubeck, bergen } = pair;
      await python('new', 'ship');
      await python('add', 'ship', 'sail', 'mend the sail');
      await must(lubeck, 'share', 'add', 'ship', '--to', 'bergen');

      const first = await serve(bergen);
      await must(bergen, 'mirror', 'add', mirror);
      await untilSummary(['ship: 0 of 1 done', '[ ] mend the sail']);
      await python('done', 'ship', 'rope', 'coil the rope');
      await untilSummary(['ship: 1 of 2 done', '[x] coil the rope', '[ ] mend the sail']);
      const shown = await must<ExternalKind>(bergen, 'kind', 'show', 'checklist');
      expect(shown.provider).toMatchObject({ name: 'checklist.py' });

      // Nobody serves the kind: the mirror waits, says so, and nothing is lost.
      await endProcess(first, 'SIGKILL');
      await python('drop', 'ship', 'rope');
      const waiting = await untilState(bergen, mirror, { state: 'waiting' });
      expect(waiting.lastError).toMatchObject({ code: 'KIND_UNAVAILABLE' });
      expect(waiting.lastError?.message).toMatch(/checklist.* (since|went away)/);
      await bergen.kill();
      await bergen.restart();
      await until('the mirror says since when nobody serves its kind', async () => {
        const { lastError } = await showMirror(bergen, mirror);
        const told = /kind "checklist": no program serves it since/.test(lastError?.message ?? '');
        return told || notYet(lastError);
      });
      const second = await serve(bergen);
      await untilSummary(['ship: 0 of 1 done', '[ ] mend the sail']);
      await untilState(bergen, mirror, { state: 'current' });

      // What is no item is refused with the program's reason, and the copy stays as it was.
      const before = await showMirror(bergen, mirror);
      expect((await append(put('oar', '{"text": 7, "done": true}'))).status).toBe(200);
      const refused = await untilState(bergen, mirror, { state: 'refused' });
      expect(refused.lastError).toMatchObject({ code: 'CHANGE_INVALID' });
      expect(refused.lastError?.message).toContain('item "oar" has fields of other types');
      expect(refused.applied).toEqual(before.applied);
      expect(summary()).toContain('ship: 0 of 1 done');

      // Removed: the program is told to forget it.
      await must<Mirror>(bergen, 'mirror', 'remove', mirror, '--yes');
      await until('the summary is gone', () => Promise.resolve(summary() === '' || undefined));
      expect((await bergen.hansa('kind', 'remove', 'checklist', '--yes')).code).toBe(0);
      expect((await lubeck.hansa('kind', 'remove', 'checklist', '--yes')).report().code).toBe(
        'KIND_IN_USE',
      );
      await endProcess(second, 'SIGTERM');
    },
  );

  test('carries blobs, and a name of Hansa’s own is refused', { timeout: 60_000 }, async () => {
    const { lubeck } = pair;
    const headers = { authorization: `Bearer ${lubeck.token()}` };
    const bytes = Uint8Array.from({ length: 100_000 }, (_, at) => at % 251);
    const url = `${lubeck.url}/kinds/checklist/blobs`;
    const sent = await fetch(url, { method: 'POST', headers, body: bytes });
    const { id } = (await sent.json()) as { id: string };
    const op = { put: { key: 'chart', value: '{"text":"","done":false}', blobs: [id] } };
    expect((await append(op)).status).toBe(200);
    const read = await fetch(`${url}/${id}`, { headers });
    expect(new Uint8Array(await read.arrayBuffer())).toEqual(bytes);
    const reserved = await lubeck.api<{ code: string }>('POST', '/kinds', { kind: 'git' });
    expect(reserved).toMatchObject({ status: 409, body: { code: 'KIND_RESERVED' } });
  });
});
