// The linter's configuration, tried on planted faults: a rule that does not fire holds nothing.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const project = mkdtempSync(join(tmpdir(), 'hansa-lint-'));
afterAll(() => {
  rmSync(project, { recursive: true, force: true });
});

const manyBranches = Array.from({ length: 13 }, (_, at) => `if (n === ${at}) { f(); }`).join(' ');
const planted: Readonly<Record<string, string>> = {
  'foundation/floating.ts': `export function a(p: () => Promise<void>): void { p(); }`,
  'foundation/misused.ts': `export function a(list: number[]): void {
    list.forEach(async () => { await Promise.resolve(); }); }`,
  'foundation/date.ts': `export const now = (): number => Date.now();`,
  'capabilities/x/chance.ts': `export const chance = (): number => Math.random();`,
  'drivers/store-memory/date.ts': `export const now = (): number => Date.now();`,
  'drivers/system-node/date.ts': `export const now = (): number => Date.now();`,
  'capabilities/x/chance.test.ts': `export const now = (): number => Date.now() * Math.random();`,
  'node/any.ts': `export function a(value: any): void { void value; }`,
  'node/cycle.ts': `import type { B } from './cycle-b.ts'; export interface A { b: B }`,
  'node/cycle-b.ts': `import type { A } from './cycle.ts'; export interface B { a: A }`,
  'node/branches.ts': `export function a(n: number, f: () => void): void {
    ${manyBranches}
  }`,
  'node/parameters.ts': `export function a(...[b]: number[]): number { return b ?? 0; }
    export function c(d: number, e: number, f: number, g: number): number {
      return d + e + f + g;
    }`,
};
for (const [path, text] of Object.entries(planted)) {
  mkdirSync(join(project, dirname(path)), { recursive: true });
  writeFileSync(join(project, path), text);
}
const options = { strict: true, module: 'nodenext', target: 'es2023', noEmit: true, types: [] };
const compilerOptions = { ...options, allowImportingTsExtensions: true };
writeFileSync(join(project, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
cpSync(join(root, '.oxlintrc.json'), join(project, '.oxlintrc.json'));
symlinkSync(join(root, 'node_modules'), join(project, 'node_modules'));

interface Finding {
  readonly code: string;
  readonly filename: string;
}

function findings(): string[] {
  const oxlint = join(root, 'node_modules', '.bin', 'oxlint');
  const { stdout } = spawnSync(oxlint, ['--type-aware', '--format=json'], {
    cwd: project,
    encoding: 'utf8',
  });
  const report: { readonly diagnostics: readonly Finding[] } = JSON.parse(stdout);
  return report.diagnostics.map(({ filename, code }) => `${filename} ${code}`).sort();
}

describe('the linter', () => {
  it('finds every planted fault, and nothing where the rule has an exception', () => {
    expect([...new Set(findings())]).toEqual([
      'capabilities/x/chance.ts eslint(no-restricted-properties)',
      'drivers/store-memory/date.ts eslint(no-restricted-globals)',
      'foundation/date.ts eslint(no-restricted-globals)',
      'foundation/floating.ts typescript(no-floating-promises)',
      'foundation/misused.ts typescript(no-misused-promises)',
      'node/any.ts typescript(no-explicit-any)',
      'node/branches.ts eslint(complexity)',
      'node/cycle-b.ts import(no-cycle)',
      'node/cycle.ts import(no-cycle)',
      'node/parameters.ts eslint(max-params)',
    ]);
  });
});
