import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { renamed } from './skeleton/copy.ts';
import { floorBreaches } from './tidy/floors.ts';
import { readHouse } from './tidy/house.ts';
import { capabilityBreaches } from './tidy/papers.ts';
import { tableBreaches } from './tidy/registers.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const copy = mkdtempSync(join(tmpdir(), 'hansa-new-'));
const carried = [
  'scripts/new-capability.ts',
  'scripts/skeleton',
  'capabilities/package.json',
  'capabilities/greeting',
  'foundation/package.json',
];
mkdirSync(join(copy, 'scripts'));
for (const path of carried) {
  cpSync(join(root, path), join(copy, path), { recursive: true });
}
symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'));
afterAll(() => {
  rmSync(copy, { recursive: true, force: true });
});

function make(...args: string[]): { status: number | null; said: string } {
  const tsx = join(root, 'node_modules', '.bin', 'tsx');
  const script = join(copy, 'scripts', 'new-capability.ts');
  const { status, stdout, stderr } = spawnSync(tsx, [script, ...args], { encoding: 'utf8' });
  return { status, said: stdout + stderr };
}

describe('npm run new', () => {
  it('copies the example under the new name, tidy, and says what is next', () => {
    const { status, said } = make('capability', 'quotas');
    expect({ status, said }).toMatchObject({ status: 0 });
    expect(said).toContain('wrote capabilities/quotas/contract.ts');
    expect(said).toContain('npm run docs');

    const house = readHouse(copy);
    const made = house.texts.filter(({ path }) => path.startsWith('capabilities/quotas/'));
    const example = house.texts.filter(({ path }) => path.startsWith('capabilities/greeting/'));
    expect(made).toHaveLength(example.length);
    expect(made.filter(({ path, text }) => /greeting/i.test(path + text))).toEqual([]);
    expect([
      ...floorBreaches(house).filter((breach) => breach.startsWith('capabilities/quotas')),
      ...capabilityBreaches(house),
      ...tableBreaches(house),
    ]).toEqual([]);
  });

  it.each([
    [['capability', 'greeting'], 'is taken'],
    [['capability', '../evil'], 'is not a name'],
    [['capability', 'Two-Words'], 'is not a name'],
    [['capability'], 'usage:'],
    [['driver', 'quotas'], 'usage:'],
  ])('%j is refused', (args, why) => {
    const { status, said } = make(...args);
    expect(status).not.toBe(0);
    expect(said).toContain(why);
  });

  it('renames every form of the name, and makes no double plural', () => {
    const text = 'greeting Greeting GREETING greetings greetingsMax GREETINGS createGreeting';
    expect(renamed(text, 'quota')).toBe('quota Quota QUOTA quotas quotasMax QUOTAS createQuota');
    expect(renamed('greetings greetingMax', 'links')).toBe('links linksMax');
  });
});
