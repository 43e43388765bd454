// A short run of some faults, with every commit; `npm run nemesis` plays all of them for as long as
// one likes. What is found is kept where the failure says, and its seed plays it again.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { requires } from '../../testkit/needs.ts';
import { scenarios } from './scenario.ts';

const seed = Number(process.env['HANSA_SEED'] ?? Math.floor(Math.random() * 2 ** 31));
const seconds: Readonly<Record<string, number>> = {
  kill: 5,
  partition: 5,
  clock: 3,
  'power-cut': 3,
  'coordination-active-killed': 6,
};

describe('clients of real processes hear nothing that is not so', () => {
  for (const { name, about, needs, play } of scenarios.filter((one) => one.name in seconds)) {
    const available = [...needs, 'git' as const].every((need) => requires(need).available);
    test.skipIf(!available)(`under ${name}: ${about}`, async () => {
      const keepIn = mkdtempSync(join(tmpdir(), 'hansa-nemesis-kept-'));
      const result = await play({ seed, seconds: seconds[name] ?? 0, keepIn });
      expect(result, `HANSA_SEED=${seed}`).toMatchObject({ violations: [] });
      expect(result.acknowledged).toBeGreaterThan(50);
      expect(result.strikes).toBeGreaterThan(0);
      rmSync(keepIn, { recursive: true });
    });
  }
});
