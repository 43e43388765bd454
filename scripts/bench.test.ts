import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { compare, median } from './bench/benchmark.ts';
import { benchmarkPage, checkResult } from './bench/report.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const folder = mkdtempSync(join(tmpdir(), 'hansa-bench-'));
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const result = { unit: 'keys/s', ours: 4, peer: 2, peerName: 'a peer', ratio: 2, rounds: 5 };

function bench(...args: string[]): { status: number | null; lines: string[]; said: string } {
  const tsx = join(root, 'node_modules', '.bin', 'tsx');
  const { status, stdout, stderr } = spawnSync(tsx, [join(root, 'scripts', 'bench.ts'), ...args], {
    encoding: 'utf8',
    env: { ...process.env, HANSA_BENCHMARKS: folder },
  });
  return { status, lines: stdout.trimEnd().split('\n'), said: stderr };
}

describe('npm run bench', () => {
  it('the last line of one claim is its result as JSON', () => {
    const module = `export const benchmark = { id: 'T5', title: 'quick',
      run: async ({ rounds }) => ({ ...${JSON.stringify(result)}, rounds }) };`;
    writeFileSync(join(folder, 't5-quick.ts'), module);
    const { status, lines } = bench('T5', '--rounds', '7');
    expect(status).toBe(0);
    expect(lines.at(-1)).toBe(
      '{"id":"T5","unit":"keys/s","ours":4,"peer":2,"peerName":"a peer","ratio":2,"rounds":7}',
    );
    expect(lines[0]).toContain(process.versions.node);
  });

  it('an unknown id is answered with those there are', () => {
    const { status, said } = bench('T99');
    expect(status).toBe(2);
    expect(said).toContain('T5');
  });

  it('ours and the peer are run by turns, and the first pair only warms up', async () => {
    const calls: string[] = [];
    const times = { ours: [100, 1, 5, 3], peer: [100, 6, 6, 9] };
    const turn = (who: 'ours' | 'peer') => async (): Promise<number> => {
      calls.push(who);
      return times[who].shift() ?? 0;
    };
    const compared = await compare({
      rounds: 3,
      better: 'lower',
      ours: turn('ours'),
      peer: turn('peer'),
    });
    expect(calls).toEqual(Array.from({ length: 4 }, () => ['ours', 'peer']).flat());
    expect(compared).toMatchObject({ ours: 3, peer: 6, ratio: 2, rounds: 3 });
    expect(compared.notes).toEqual(['ours: 1 to 5', 'peer: 6 to 9']);
  });

  it('the median of an even number of rounds lies between the middle two', () => {
    expect(median([4, 1, 3, 2])).toBe(2.5);
  });

  it('a result that is not a number is not published', () => {
    expect(() => checkResult('T5', { ...result, ratio: Number.NaN })).toThrow('T5 measured ratio');
  });

  it('the page has a row for every claim', () => {
    const benchmark = { id: 'T5', title: 'quick' };
    const day = '2026-11-21';
    const page = benchmarkPage([{ benchmark, result, facts: ['Node 20'], day }]);
    expect(page).toContain('| T5 | quick | keys/s | 4 | 2 | a peer | **2** |');
  });
});
