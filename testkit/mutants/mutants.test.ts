// The simulation is held against faults that are put into the product on purpose: what it does not
// find there, it would not find elsewhere.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, test } from 'vitest';
import { bundle, type Edited } from '../bundle.ts';
import { mutants } from './planted.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

interface Ended {
  readonly code: number | null;
  readonly output: string;
}

const asItIs = await bundle('scripts/sim.ts');
afterAll(() => asItIs.remove());

/** `npm run sim` in a process whose source has the fault; without one, as it is. */
async function simulate(args: readonly string[], mutant?: Edited): Promise<Ended> {
  const { path, remove } = mutant === undefined ? asItIs : await bundle('scripts/sim.ts', mutant);
  const stdio = ['ignore', 'pipe', 'pipe'] as const;
  const child = spawn(process.execPath, [path, ...args], { cwd: root, stdio: [...stdio] });
  const pieces: string[] = [];
  child.stdout.on('data', (piece: Buffer) => pieces.push(piece.toString()));
  child.stderr.on('data', (piece: Buffer) => pieces.push(piece.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  if (mutant !== undefined) {
    remove();
  }
  return { code, output: pieces.join('') };
}

describe('a fault in the product is found by some seed', () => {
  test.concurrent.each(mutants)(
    '$name: $says',
    async (mutant) => {
      const { scenario, from, seedsMax, finds } = mutant;
      const seeds = ['--from', String(from), '--seeds', String(seedsMax)];
      const args = ['--scenario', scenario, ...seeds, '--bail'];
      const { code, output } = await simulate(args, mutant);
      expect(output).toMatch(finds);
      expect(output).toMatch(new RegExp(`again: npm run sim -- --scenario ${scenario} --seed \\d`));
      expect(code).toBe(1);
    },
    120_000,
  );

  test('each of them stands in the source exactly once', () => {
    for (const { file, edits } of mutants) {
      const source = readFileSync(`${root}/${file}`, 'utf8');
      for (const { from } of edits) {
        expect(source.split(from), `${from} in ${file}`).toHaveLength(2);
      }
    }
  });

  test('a fault whose text is gone from the source is an error, and not a seed that passes', async () => {
    const from = 'what stands in no source of this project';
    const gone = { file: 'capabilities/sync/verifying.ts', edits: [{ from, to: '' }] };
    await expect(simulate(['--scenario', 'days', '--seeds', '1'], gone)).rejects.toThrow(
      '0 times in capabilities/sync/verifying.ts',
    );
  });
});

test('a seed leaves the same trace in whichever process it is played', async () => {
  const hashOf = ({ output }: Ended): string => /trace ([0-9a-f]{64})/.exec(output)?.[1] ?? output;
  for (const [scenario, seed] of [
    ['everything', '3'],
    ['lanes', '5'],
  ] as const) {
    const args = ['--scenario', scenario, '--seed', seed];
    const [first, second] = await Promise.all([simulate(args), simulate(args)]);
    expect(hashOf(first)).toMatch(/^[0-9a-f]{64}$/);
    expect(hashOf(second)).toBe(hashOf(first));
  }
});
