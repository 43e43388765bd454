// Writes the reference pages that are made of registers and contracts: `npm run docs`.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { makePages, stalePages } from './docs/pages.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const pages = await makePages(root);
const stale = stalePages(root, pages);
for (const path of stale) {
  writeFileSync(join(root, path), pages.get(path) ?? '');
  console.log(`wrote ${path}`);
}
console.log(`${pages.size} pages, ${stale.length} written`);
