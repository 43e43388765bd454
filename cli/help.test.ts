// What every command says of itself, by the same `main` that bin/hansa.js runs. That a process says
// it, on stdout and with its exit code, is tested in tests/black-box/cli.test.ts.
import { afterEach, describe, expect, test, vi } from 'vitest';
import { commands } from './commands.ts';
import { main } from './main.ts';

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});

/** Where no cluster is known. */
async function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const said = { stdout: '', stderr: '' };
  vi.stubEnv('HANSA_HOME', '/nowhere');
  for (const name of ['stdout', 'stderr'] as const) {
    vi.spyOn(process[name], 'write').mockImplementation((text) => {
      said[name] += String(text);
      return true;
    });
  }
  const code = await main(args);
  vi.restoreAllMocks();
  forgetListeners();
  return { code, ...said };
}

/** Each run adds its own. */
function forgetListeners(): void {
  process.stdout.removeAllListeners('error');
  process.stderr.removeAllListeners('error');
}

describe('help', () => {
  const spellings = commands
    .filter((command) => !('hidden' in command && command.hidden === true))
    .map(({ noun, verb }) => (verb === undefined ? [noun] : [noun, ...verb.split(' ')]));

  test.each(spellings.map((words) => [words.join(' '), words] as const))(
    'hansa %s --help shows what it is for and an example',
    async (spelled, words) => {
      const { code, stdout, stderr } = await run(...words, '--help');
      expect([code, stderr]).toEqual([0, '']);
      expect(stdout).toContain(`Usage: hansa ${spelled}`);
      expect(stdout).toMatch(new RegExp(`Examples:\n  \\$ hansa ${spelled}`));
    },
  );

  test('hansa --help names every noun and the exit codes', async () => {
    const { code, stdout, stderr } = await run('--help');
    expect([code, stderr]).toEqual([0, '']);
    for (const noun of new Set(spellings.map(([first]) => first))) {
      expect(stdout).toMatch(new RegExp(`^  ${noun}\\b`, 'm'));
    }
    expect(stdout).toContain('Exit codes: 0 done');
  });
});

describe('--version', () => {
  test('before any noun it is that of the program', async () => {
    for (const args of [['--version'], ['-V'], ['--no-color', '--version', 'kv']]) {
      const { code, stdout } = await run(...args);
      expect([code, stdout]).toEqual([0, '0.1.0\n']);
    }
    expect((await run('--help')).stdout).toContain('--version');
  });

  test('behind a noun it is an option of the command, where that has one', async () => {
    const instance = ['billing', 'b1', '--address', 'h', '--version', '2.0'];
    const { code, stdout, stderr } = await run('registry', 'register', ...instance, '-o', 'json');
    expect([code === 0, stdout]).toEqual([false, '']);
    expect(stderr).toContain('"CONTEXT_NOT_FOUND"');
  });

  test('behind the noun of a command that has none, nothing is done, and that is told', async () => {
    const { code, stdout, stderr } = await run('kv', 'put', 'a', 'b', 'c', '--version', '9');
    expect([code, stdout]).toEqual([2, '']);
    expect(stderr).toContain("unknown option '--version'");
  });
});

test('a reader or a terminal that is gone stops nothing that is under way', async () => {
  vi.spyOn(process.stdout, 'write').mockReturnValue(true);
  await main(['--version']);
  vi.restoreAllMocks();
  const failing = (code: string) => () =>
    process.stderr.emit('error', Object.assign(new Error(code), { code }));
  for (const code of ['EPIPE', 'EIO']) {
    expect(failing(code)()).toBe(true);
  }
  forgetListeners();
});
