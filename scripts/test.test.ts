// The runner behind `npm test`, on small projects of its own: its last line and exit code must
// never be greener than the tests were.
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

const root = fileURLToPath(new URL('..', import.meta.url));
const project = mkdtempSync(join(tmpdir(), 'hansa-runner-'));
mkdirSync(join(project, 'scripts'));
for (const script of ['test.mjs', 'installed.mjs']) {
  cpSync(join(root, 'scripts', script), join(project, 'scripts', script));
}
cpSync(join(root, 'testkit', 'needs.ts'), join(project, 'needs.ts'));
symlinkSync(join(root, 'node_modules'), join(project, 'node_modules'));
writeFileSync(join(project, 'package.json'), '{ "type": "module" }');
writeFileSync(join(project, 'package-lock.json'), '{ "packages": {} }');

const heading = `import { expect, it } from 'vitest';\n`;
const files: Readonly<Record<string, string>> = {
  'good.test.ts': `it('holds', () => {});`,
  'bad.test.ts': `it('does not hold', () => { expect(1).toBe(2); });`,
  'broken.test.ts': `throw new Error('before any test');`,
  'loose.test.ts': `it('leaves', () => { Promise.reject(new Error('unheard')); });`,
  'skipped.test.ts': [
    `import { requires } from './needs.ts';`,
    `it.skipIf(!requires('netns').available)('cuts the network', () => {});`,
  ].join('\n'),
};
for (const [name, text] of Object.entries(files)) {
  writeFileSync(join(project, name), heading + text);
}
afterAll(() => {
  rmSync(project, { recursive: true, force: true });
});

function run(args: readonly string[], env: Readonly<Record<string, string>> = {}) {
  const own = Object.entries(process.env).filter(([name]) => !/^(?:VITEST|HANSA)/.test(name));
  const { status, stdout, stderr } = spawnSync('node', ['scripts/test.mjs', ...args], {
    cwd: project,
    encoding: 'utf8',
    env: { ...Object.fromEntries(own), ...env },
  });
  return { status, last: stdout.trimEnd().split('\n').at(-1), said: stdout + stderr };
}

describe('npm test', () => {
  it.each([
    ['good', 0, '1 passed, 0 failed, 0 skipped'],
    ['bad', 1, '0 passed, 1 failed, 0 skipped'],
    ['broken', 1, '0 passed, 1 failed, 0 skipped'],
    ['loose', 1, '1 passed, 1 failed, 0 skipped'],
    ['no-such-file', 1, '0 passed, 1 failed, 0 skipped'],
  ])('of %s.test.ts exits with %i and ends with "%s"', (name, status, last) => {
    expect(run([name])).toMatchObject({ status, last });
  });

  it('tells what was skipped and the command that would provide it', () => {
    // Without a PATH no program is there; node itself is given by its place.
    const path = join(project, 'bin');
    mkdirSync(path);
    symlinkSync(process.execPath, join(path, 'node'));
    const { status, last, said } = run(['skipped'], { PATH: path });
    expect({ status, last }).toEqual({ status: 0, last: '0 passed, 0 failed, 1 skipped' });
    expect(said).toContain('skipped: 1 in skipped.test.ts');
    expect(said).toContain('to run what needs it: apt-get install util-linux');
    expect(run(['skipped'], { PATH: path, HANSA_REQUIRE: 'all' })).toMatchObject({
      status: 1,
      last: '0 passed, 1 failed, 0 skipped',
    });
  });
});
