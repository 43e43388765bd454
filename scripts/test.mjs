// `npm test`: from a fresh clone to a number. Installs what the lock file says, checks, runs every
// test, and says what was skipped and how to get it. Plain JavaScript without dependencies: nothing
// is there yet.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isInstalled } from './installed.mjs';

const nodeMin = [20, 19];
const root = dirname(dirname(fileURLToPath(import.meta.url)));
const files = process.argv.slice(2);

refuseOldNode();
install();
const checked = files.length > 0 || run('tsx', ['scripts/check.ts']);
const folder = mkdtempSync(join(tmpdir(), 'hansa-test-'));
try {
  finish(runTests(), checked);
} finally {
  rmSync(folder, { recursive: true, force: true });
}

function refuseOldNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major < nodeMin[0] || (major === nodeMin[0] && minor < nodeMin[1])) {
    console.error(`Hansa needs Node ${nodeMin.join('.')} or newer; this is ${process.version}.`);
    process.exit(1);
  }
}

function install() {
  if (isInstalled(root)) {
    return;
  }
  console.log('installing the packages of package-lock.json …');
  const exact = npm('ci');
  // A lock written where a registry lacked other systems' binaries is refused whole, although every
  // package it names can be had. Versions and hashes hold all the same; the lock is left as it is.
  const incomplete = exact.status !== 0 && exact.stderr.includes('Missing: ');
  const result = incomplete ? npm('install', '--no-save') : exact;
  if (result.status !== 0) {
    console.error(`${result.stderr}\nthe packages could not be installed; npm says above why.`);
    process.exit(1);
  }
  if (incomplete) {
    console.log('the lock file lacks packages of other systems; this one has what it needs.');
  }
}

function npm(...args) {
  const program = process.platform === 'win32' ? 'npm.cmd' : 'npm';
  const stdio = ['ignore', 'inherit', 'pipe'];
  return spawnSync(program, args, { cwd: root, stdio, encoding: 'utf8' });
}

function run(program, args, env = {}) {
  const { status, error } = spawnSync(join(root, 'node_modules', '.bin', program), args, {
    cwd: root,
    stdio: 'inherit',
    env: { ...process.env, ...env },
  });
  if (error !== undefined) {
    console.error(`${program} did not start: ${error.message}`);
  }
  return status === 0;
}

function runTests() {
  const output = join(folder, 'report.json');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${output}`];
  const passed = run('vitest', ['run', ...reporters, ...files], {
    HANSA_MISSING_FILE: join(folder, 'missing'),
  });
  const report = existsSync(output) ? JSON.parse(readFileSync(output, 'utf8')) : undefined;
  return { passed, report };
}

function finish({ passed, report }, checkPassed) {
  const counts = {
    passed: report?.numPassedTests ?? 0,
    failed: (report?.numFailedTests ?? 0) + brokenFiles(report),
    skipped: (report?.numPendingTests ?? 0) + (report?.numTodoTests ?? 0),
  };
  // A run that ended badly without a failed test (an unhandled rejection, no file found) has
  // failed.
  counts.failed = passed ? counts.failed : Math.max(counts.failed, 1);
  tellSkipped(report);
  if (!checkPassed) {
    console.log('\nnpm run check failed (above); it counts as one failure.');
    counts.failed += 1;
  }
  console.log(`\n${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
  process.exitCode = counts.failed === 0 ? 0 : 1;
}

/** Files that failed before their first test could: they would count as nothing. */
function brokenFiles(report) {
  const results = report?.testResults ?? [];
  return results.filter(
    ({ status, assertionResults }) =>
      status === 'failed' && !assertionResults.some((one) => one.status === 'failed'),
  ).length;
}

function tellSkipped(report) {
  for (const { name, assertionResults } of report?.testResults ?? []) {
    const skipped = assertionResults.filter(
      ({ status }) => status !== 'passed' && status !== 'failed',
    );
    if (skipped.length > 0) {
      console.log(`skipped: ${skipped.length} in ${relative(root, name)}`);
    }
  }
  const missing = join(folder, 'missing');
  const lines = existsSync(missing) ? readFileSync(missing, 'utf8').trim().split('\n') : [];
  for (const line of new Set(lines)) {
    const need = JSON.parse(line);
    console.log(`  ${need.reason}; to run what needs it: ${need.install}`);
  }
}
