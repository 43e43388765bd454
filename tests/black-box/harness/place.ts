// Where things lie: the checkout with the built program, and temporary folders outside of it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const checkout: string = dirname(dirname(dirname(dirname(fileURLToPath(import.meta.url)))));
export const program: string = join(checkout, 'cli', 'bin', 'hansa.js');

const folders = new Set<string>();

/** Is removed after the file's tests, whether they pass or not. */
export function temporaryFolder(what: string): string {
  const folder = mkdtempSync(join(tmpdir(), `hansa-${what}-`));
  folders.add(folder);
  return folder;
}

export function removeFolders(): void {
  for (const folder of folders) {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 });
  }
  folders.clear();
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
