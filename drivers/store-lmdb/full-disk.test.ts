import { spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { bundle } from '../../testkit/bundle.ts';

const writer = await bundle('testkit/store-full-disk-writer.ts');
afterAll(() => writer.remove());
// A mount of our own that ends with the process: nothing of the machine is changed.
const own = ['--user', '--map-root-user', '--mount'];
const canMount = spawnSync('unshare', [...own, 'mount', '-t', 'tmpfs', 'tmpfs', tmpdir()]);

test.skipIf(canMount.status !== 0)(
  'a full disk is named, loses nothing that was acknowledged, and is written again when freed',
  async () => {
    const folder = await mkdtemp(join(tmpdir(), 'hansa-full-'));
    const script = 'mount -t tmpfs -o size=4m tmpfs "$1" && exec "$0" "${@:2}"';
    const node = [writer.path, folder];
    const { stdout, stderr } = spawnSync(
      'unshare',
      [...own, 'bash', '-c', script, process.execPath, folder, ...node],
      { encoding: 'utf8', timeout: 30_000 },
    );
    await rm(folder, { recursive: true });
    expect(stderr).not.toMatch(/UnhandledPromise|HansaError/);
    const told: unknown = JSON.parse(stdout);
    expect(told).toMatchObject({ code: 'DISK_FULL', gap: 1 });
    expect(told).toHaveProperty('kept', Reflect.get(Object(told), 'written'));
  },
);
