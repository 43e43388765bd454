// `npm start`: makes sure that what is needed is here, builds, and runs the demonstration
// federation. Plain JavaScript without dependencies, because it runs before anything is installed.
import { execFileSync, spawn, spawnSync } from 'node:child_process';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isInstalled } from './installed.mjs';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const nodeMin = [20, 19];
const givenArguments = process.argv.slice(2);

function fail(sentence, fix) {
  process.stderr.write(`error: ${sentence}\nfix: ${fix}\n`);
  process.exit(1);
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < nodeMin[0] || (major === nodeMin[0] && minor < nodeMin[1])) {
    fail(
      `Hansa needs Node.js ${nodeMin.join('.')} or later; this is ${process.versions.node}`,
      'install a newer Node.js, then run npm start again',
    );
  }
}

function requireGit() {
  try {
    execFileSync('git', ['--version'], { stdio: 'ignore' });
  } catch {
    fail('the git program is not on the PATH', 'install git (Debian: apt-get install git)');
  }
}

/** Runs a step quietly; its output is shown only where it fails. */
function step(title, command, args) {
  process.stdout.write(`${title} … `);
  const startedMs = Date.now();
  const done = spawnSync(command, args, { cwd: root, encoding: 'utf8' });
  if (done.status !== 0) {
    process.stdout.write('failed\n');
    process.stderr.write(`${done.stdout ?? ''}${done.stderr ?? ''}${done.error?.message ?? ''}\n`);
    fail(`"${[command, ...args].join(' ')}" failed`, 'the lines above say why');
  }
  process.stdout.write(`${((Date.now() - startedMs) / 1_000).toFixed(1)} s\n`);
}

requireNode();
if (!givenArguments.includes('--help')) {
  requireGit();
}
if (!isInstalled(root)) {
  step('Installing packages', 'npm', ['ci', '--no-audit', '--no-fund']);
}
step('Building', process.execPath, [join(root, 'scripts', 'build.mjs')]);

const demo = spawn(
  process.execPath,
  ['--import', 'tsx', join(root, 'scripts', 'demo', 'main.ts'), ...givenArguments],
  { cwd: root, stdio: 'inherit' },
);
// The demonstration ends its clusters by itself; this process only waits for it.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => demo.kill('SIGTERM'));
demo.on('exit', (code, signal) => process.exit(code ?? (signal === null ? 1 : 130)));
