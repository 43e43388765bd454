// Whether the packages of the lock file are there: what `npm start` and `npm test` ask before they
// install anything. Plain JavaScript without dependencies: nothing is there yet.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

// Times of files say little after a checkout; npm keeps a list of what it has installed.
export function isInstalled(root) {
  const installed = join(root, 'node_modules', '.package-lock.json');
  if (!existsSync(installed)) {
    return false;
  }
  const there = packagesOf(installed);
  return Object.entries(packagesOf(join(root, 'package-lock.json')))
    .filter(([path, { link, optional }]) => path.startsWith('node_modules/') && !link && !optional)
    .every(([path, { version }]) => there[path]?.version === version);
}

function packagesOf(lock) {
  return JSON.parse(readFileSync(lock, 'utf8')).packages;
}
