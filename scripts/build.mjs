// `npm run build`: the compiler checks and builds every package; then what the command `hansa`
// loads is put together into a few files. A thousand small modules take Node longer to find and to
// link than to run. Plain JavaScript, because it makes what everything else is run from.
import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync, rmSync } from 'node:fs';
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
const { metafile } = await build({
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
  metafile: true,
});
const made = new Set(Object.keys(metafile.outputs).map((path) => basename(path)));
// What is as it was stays: a program that runs may load the rest of itself only now.
for (const name of readdirSync(bundle).filter((each) => !made.has(each))) {
  rmSync(join(bundle, name));
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
