// Large histories made fast: one `git fast-import` instead of thousands of commands, and the same
// objects each time.
import { run } from '../harness/run.ts';
import { cleanEnvironment, temporaryFolder } from '../harness/place.ts';
import { gitOk } from '../harness/git.ts';

const importWithinMs = 60_000; // 30,000 objects take a few seconds

export async function fastImport(folder: string, stream: string): Promise<void> {
  const done = await run('git', ['fast-import', '--quiet', '--done'], {
    cwd: folder,
    env: cleanEnvironment(folder),
    input: `${stream}\ndone\n`,
    withinMs: importWithinMs,
  });
  if (done.code !== 0) {
    throw new Error(`git fast-import failed: ${done.stderr}`);
  }
}

/**
 * A repository whose main has so many commits, each of which changes as many files in as many
 * folders: commits × (2 × files + 2) objects, as every changed file has a folder of its own.
 */
export async function makeLargeRepository(commits: number, files: number): Promise<string> {
  const folder = temporaryFolder('large');
  await gitOk(folder, 'init', '--quiet');
  const parts: string[] = [];
  for (let at = 0; at < commits; at += 1) {
    parts.push(
      'commit refs/heads/main',
      `committer Tester <tester@hansa.invalid> ${1_700_000_000 + at * 60} +0000`,
      `data ${Buffer.byteLength(messageOf(at))}`,
      messageOf(at),
    );
    for (let file = 0; file < files; file += 1) {
      const content = contentOf(at, file);
      parts.push(`M 644 inline folder-${(at * files + file) % 100}/file`, `data ${content.length}`);
      parts.push(content);
    }
  }
  await fastImport(folder, parts.join('\n'));
  return folder;
}

function messageOf(at: number): string {
  return `Change ${at} of the sea chart`;
}

function contentOf(at: number, file: number): string {
  const lines = Array.from(
    { length: 12 },
    (_, line) => `${line}: depth ${(at * 7 + line * 13) % 97}`,
  );
  return [`chart ${at}.${file}`, ...lines].join('\n');
}

/** How many objects the refs of a repository reach. */
export async function countObjects(repository: string): Promise<number> {
  const listed = await gitOk(repository, 'rev-list', '--objects', '--all');
  return listed === '' ? 0 : listed.split('\n').length;
}
