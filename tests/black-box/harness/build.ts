// Vitest's global setup of the black-box tests: they run what people run, the built program, so it
// is built once before the first of them. Two runs at a time take turns.
import { mkdir, open, readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { checkout } from './place.ts';
import { run } from './run.ts';
import { until } from './until.ts';

const buildWithinMs = 240_000; // from nothing, on a busy machine with two cores
const lockFile = join(checkout, 'node_modules', '.cache', 'hansa-build.lock');

export async function setup(): Promise<void> {
  await until('another run has built', takeLock, buildWithinMs);
  try {
    const built = await run(process.execPath, [join(checkout, 'scripts', 'build.mjs')], {
      cwd: checkout,
      withinMs: buildWithinMs,
    });
    if (built.code !== 0) {
      const said = `${built.stdout}${built.stderr}`;
      throw new Error(`the build failed, so there is nothing to test:\n${said}`);
    }
  } finally {
    await rm(lockFile, { force: true });
  }
}

async function takeLock(): Promise<true | undefined> {
  await mkdir(dirname(lockFile), { recursive: true });
  const file = await open(lockFile, 'wx').catch(() => undefined);
  if (file !== undefined) {
    await file.writeFile(String(process.pid));
    await file.close();
    return true;
  }
  const holder = Number(await readFile(lockFile, 'utf8').catch(() => ''));
  if (holder > 0 && !isAlive(holder)) {
    await rm(lockFile, { force: true });
  }
  return undefined;
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}
