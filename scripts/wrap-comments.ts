// Wraps comments wider than the page, which the formatter leaves alone: `npm run format`. Only
// blocks that hold a line too wide are touched; a reason beside a statement moves above it.
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { globSync } from 'tinyglobby';
import { wrapComments } from './wrap/wrapping.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const ignore = ['**/node_modules/**', '**/dist/**'];
for (const path of globSync('**/*.{ts,tsx,mjs}', { cwd: root, ignore })) {
  const text = readFileSync(join(root, path), 'utf8');
  const wrapped = wrapComments(path, text);
  if (wrapped !== text) {
    writeFileSync(join(root, path), wrapped);
    console.log(`wrapped ${path}`);
  }
}
