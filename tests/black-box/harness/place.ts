// Where things lie: the checkout with the built program, and temporary folders outside of it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterFile } from './after-file.ts';

export const checkout: string = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
export const program: string = join(checkout, 'cli', 'bin', 'hansa.js');

const folders = new Set<string>();
const lasting = new Set<string>();

afterFile(() => remove(folders));
process.once('exit', () => [folders, lasting].forEach(remove));

/** Is removed after the file's tests, whether they pass or not. */
export function temporaryFolder(what: string): string {
  const folder = mkdtempSync(join(tmpdir(), `hansa-${what}-`));
  folders.add(folder);
  return folder;
}

/** For what many files use: is removed when their process ends. */
export function lastingFolder(what: string): string {
  const folder = mkdtempSync(join(tmpdir(), `hansa-${what}-`));
  lasting.add(folder);
  return folder;
}

function remove(those: Set<string>): void {
  for (const folder of those) {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
  those.clear();
}

/** Nothing of the user's own environment but what finds programs and folders. */
export function cleanEnvironment(home: string): Record<string, string> {
  const kept = Object.fromEntries(
    ['PATH', 'TMPDIR', 'LANG', 'SYSTEMROOT'].flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
  return { ...kept, HOME: home, HANSA_HOME: join(home, '.hansa'), NO_COLOR: '1' };
}
