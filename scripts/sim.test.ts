// How simulations are asked for, and how several processes share them.
import { spawn } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from 'vitest';
import { bundlesFolder } from '../testkit/bundle.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const startsMs = 120_000; // on a busy machine: the whole product is loaded, or put together

interface Ended {
  readonly pid: number | undefined;
  readonly code: number | null;
  readonly output: string;
}

/** `npm run sim`. */
async function simulate(args: readonly string[]): Promise<Ended> {
  const child = spawn(
    process.execPath,
    ['--conditions=@hansa/source', '--import', 'tsx', 'scripts/sim.ts', ...args],
    { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  const pieces: string[] = [];
  child.stdout.on('data', (piece: Buffer) => pieces.push(piece.toString()));
  child.stderr.on('data', (piece: Buffer) => pieces.push(piece.toString()));
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { pid: child.pid, code, output: pieces.join('') };
}

test(
  'several processes share the runs, and leave nothing of what they were put together into',
  async () => {
    const { pid, code, output } = await simulate([
      '--scenario',
      'invites',
      '--seeds',
      '3',
      '--jobs',
      '2',
    ]);
    expect(output).toMatch(/^3 passed, 0 failed$/m);
    expect(code).toBe(0);
    const left = readdirSync(bundlesFolder);
    expect(left.filter((name) => name.startsWith(`${pid}-`))).toEqual([]);
  },
  startsMs,
);

test.each([
  ['--jobs', '65'],
  ['--seeds', '0'],
])(
  'says how it is used where %s is %s',
  async (...args) => {
    const { code, output } = await simulate(args);
    expect(output).toContain('usage: npm run sim');
    expect(code).toBe(2);
  },
  startsMs,
);
