// `npm run build`: the compiler checks and builds every package; then what the command `hansa`
// loads is put together into a few files. A thousand small modules take Node longer to find and to
// link than to run. Plain JavaScript, because it makes what everything else is run from.
import { spawnSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { globSync } from 'tinyglobby';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const bundle = join(root, 'cli', 'dist', 'bundle');

const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const { status } = spawnSync(process.execPath, [compiler, '-b'], { cwd: root, stdio: 'inherit' });
if (status !== 0) {
  process.exit(status ?? 1);
}
const { outputFiles } = await build({
  entryPoints: [join(root, 'cli', 'dist', 'main.js')],
  outdir: bundle,
  bundle: true,
  // What is imported when it is needed stays in files of its own.
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  external: libraries(),
  sourcemap: true,
  sourcesContent: false,
  logLevel: 'warning',
  write: false,
});
const made = new Set(outputFiles.map(({ path }) => basename(path)));
mkdirSync(bundle, { recursive: true });
outputFiles.forEach(replace);
// What is as it was stays: a program that runs may load the rest of itself only now.
for (const name of readdirSync(bundle).filter(
  (each) => !made.has(each) && !each.endsWith('.half'),
)) {
  rmSync(join(bundle, name));
}

/** Whole at once, and only where it is another: half a file, once loaded, fails for good. */
function replace({ path, contents }) {
  if (isThere(path, contents)) {
    return;
  }
  const half = `${path}.${process.pid}.half`;
  writeFileSync(half, contents);
  renameSync(half, path);
}

function isThere(path, contents) {
  try {
    return readFileSync(path).equals(contents);
  } catch {
    return false;
  }
}

/** Stay where they are installed, some with machine code of theirs; zod is a hundred modules. */
function libraries() {
  const found = new Set();
  for (const path of globSync('{*,drivers/*}/package.json', { cwd: root, absolute: true })) {
    const { dependencies = {} } = JSON.parse(readFileSync(path, 'utf8'));
    Object.keys(dependencies).forEach((name) => found.add(name));
  }
  return [...found].filter((name) => !name.startsWith('@hansa/') && name !== 'zod');
}
