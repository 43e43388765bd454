// Everything a machine can hold without running the product: `npm run check`, or `npm run check --
// lint` for one step. Every step runs, also after a failure, so that one round shows all there is
// to mend.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';

interface Step {
  readonly name: string;
  readonly command: readonly [program: string, ...args: string[]];
  /** What to do where it fails. */
  readonly fix: string;
}

const steps: readonly Step[] = [
  {
    name: 'build',
    command: ['node', 'scripts/build.mjs'],
    fix: 'mend the types; each line names file, line and column',
  },
  {
    name: 'types',
    command: ['tsc', '-p', 'tsconfig.tests.json'],
    fix: 'mend the types of tests, suites, testkit, benchmarks and scripts',
  },
  {
    name: 'lint',
    command: ['oxlint', '--type-aware'],
    fix: 'mend what is named; .oxlintrc.json says why a rule is there',
  },
  {
    name: 'format',
    command: ['oxfmt', '--check'],
    fix: 'npm run format',
  },
  {
    name: 'tidy',
    command: ['vitest', 'run', '--reporter=dot', 'scripts/tidy.test.ts'],
    fix: 'STYLE.md says what each rule is for',
  },
  {
    name: 'unused',
    command: ['knip'],
    fix: 'delete what nothing uses, and declare what is imported',
  },
  {
    name: 'api',
    command: ['tsx', 'scripts/api.ts'],
    fix: 'build first; where the change is meant: npm run api, and commit the page',
  },
];

const root = fileURLToPath(new URL('..', import.meta.url));
const wanted = process.argv.slice(2);
const unknown = wanted.filter((name) => !steps.some((step) => step.name === name));
if (unknown.length > 0) {
  const names = steps.map(({ name }) => name).join(', ');
  console.error(`no step is called ${unknown.join(', ')}; there are ${names}`);
  process.exit(2);
}

const failed = steps
  .filter(({ name }) => wanted.length === 0 || wanted.includes(name))
  .filter((step) => !passes(step));
if (failed.length > 0) {
  console.error(`\ncheck failed: ${failed.map(({ name }) => name).join(', ')}`);
  for (const { name, fix } of failed) {
    console.error(`  ${name.padEnd(8)}${fix}`);
  }
  process.exitCode = 1;
}

function passes({ name, command }: Step): boolean {
  const [program, ...args] = command;
  const started = performance.now();
  const path = program === 'node' ? process.execPath : `${root}node_modules/.bin/${program}`;
  const result = spawnSync(path, args, {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 64 * 1_024 * 1_024,
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: '0' },
  });
  const passed = result.status === 0;
  const seconds = ((performance.now() - started) / 1_000).toFixed(1);
  console.log(`${passed ? 'ok    ' : 'FAILED'} ${name.padEnd(8)} ${seconds.padStart(5)} s`);
  if (!passed) {
    console.error(`${result.stdout ?? ''}${result.stderr ?? ''}${result.error?.message ?? ''}`);
  }
  return passed;
}
