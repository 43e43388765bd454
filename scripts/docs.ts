// Writes the reference pages that are made of registers and contracts, and a line in the record of
// versions for every peer contract whose version is new: `npm run docs`. With `-- --again` the
// lines of versions that no release has are made anew.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makePages, stalePages } from './docs/pages.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const pages = await makePages(root, { again: process.argv.includes('--again') });
const stale = stalePages(root, pages);
for (const path of stale) {
  writeFileSync(join(root, path), pages.get(path) ?? '');
  console.log(`wrote ${path}`);
}
console.log(`${pages.size} pages, ${stale.length} written`);
