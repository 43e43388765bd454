// A person with stock git and a bare machine: a home of their own, a name, and none of this
// machine's settings. For tests that push and clone for real.
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

export interface Said {
  readonly code: number;
  readonly out: string;
  /** Standard error: progress, `remote:` lines, refusals. */
  readonly err: string;
}

const saidBytesMax = 64 * 1_024 * 1_024; // a log of a test's repository is far smaller

export class StockGit {
  readonly home: string;

  private constructor(home: string) {
    this.home = home;
  }

  static async create(): Promise<StockGit> {
    return new StockGit(await mkdtemp(join(tmpdir(), 'hansa-person-')));
  }

  path(...parts: readonly string[]): string {
    return join(this.home, ...parts);
  }

  /** Runs git in a folder of the home; never throws for what git says. */
  try(folder: string, ...args: readonly string[]): Promise<Said> {
    return new Promise((resolve) => {
      execFile(
        'git',
        args,
        { cwd: this.path(folder), env: this.#environment(), maxBuffer: saidBytesMax },
        (error, out, err) => {
          const code = error === null ? 0 : typeof error.code === 'number' ? error.code : 255;
          resolve({ code, out, err });
        },
      );
    });
  }

  /** Runs git in a folder of the home and returns its words; throws where it fails. */
  async run(folder: string, ...args: readonly string[]): Promise<string> {
    const said = await this.try(folder, ...args);
    if (said.code !== 0) {
      throw new Error(`git ${args.join(' ')} exited with ${said.code}: ${said.err}${said.out}`);
    }
    return said.out.trim();
  }

  async write(folder: string, file: string, content: string | Uint8Array): Promise<void> {
    const path = this.path(folder, file);
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, content);
  }

  /** Writes a file and commits it; returns the commit's id. */
  async commit(folder: string, file: string, content: string): Promise<string> {
    await this.write(folder, file, content);
    await this.run(folder, 'add', '-A');
    await this.run(folder, 'commit', '-q', '-m', `change ${file}`);
    return this.run(folder, 'rev-parse', 'HEAD');
  }

  async remove(): Promise<void> {
    await rm(this.home, { recursive: true, force: true });
  }

  #environment(): NodeJS.ProcessEnv {
    const { PATH } = process.env;
    return {
      PATH,
      HOME: this.home,
      LC_ALL: 'C',
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_TERMINAL_PROMPT: '0',
      GIT_AUTHOR_NAME: 'Ada',
      GIT_AUTHOR_EMAIL: 'ada@example.org',
      GIT_COMMITTER_NAME: 'Ada',
      GIT_COMMITTER_EMAIL: 'ada@example.org',
      GIT_CONFIG_COUNT: '2',
      GIT_CONFIG_KEY_0: 'init.defaultBranch',
      GIT_CONFIG_VALUE_0: 'main',
      GIT_CONFIG_KEY_1: 'gc.auto',
      GIT_CONFIG_VALUE_1: '0',
    };
  }
}
