import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { requires } from './needs.ts';

afterEach(() => {
  vi.unstubAllEnvs();
});

describe('what a test needs of the machine', () => {
  it('a missing program is told with its reason and the command that provides it', () => {
    vi.stubEnv('PATH', '');
    vi.stubEnv('HANSA_REQUIRE', undefined);
    vi.stubEnv('HANSA_MISSING_FILE', undefined);
    expect(requires('git')).toEqual({
      available: false,
      reason: 'the git program is not on the PATH',
      install: 'apt-get install git',
    });
  });

  it('a missing program is told to the runner', () => {
    const folder = mkdtempSync(join(tmpdir(), 'hansa-needs-'));
    const file = join(folder, 'missing');
    vi.stubEnv('PATH', '');
    vi.stubEnv('HANSA_REQUIRE', undefined);
    vi.stubEnv('HANSA_MISSING_FILE', file);
    requires('git');
    expect(JSON.parse(readFileSync(file, 'utf8'))).toMatchObject({ name: 'git' });
    rmSync(folder, { recursive: true });
  });

  it.each(['all', 'netns,git'])('HANSA_REQUIRE=%s makes a missing need a failure', (demand) => {
    vi.stubEnv('PATH', '');
    vi.stubEnv('HANSA_REQUIRE', demand);
    expect(() => requires('git')).toThrow('HANSA_REQUIRE demands it');
  });
});
