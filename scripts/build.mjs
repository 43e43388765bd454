// `npm run build`: the compiler checks and builds every package; then what the command `hansa`
// loads is put together into one file, and what Node.js makes of that is kept beside it. A thousand
// small modules take Node longer to find, to compile and to link than to run. What was put together
// from the same files is left as it is. Plain JavaScript, because it makes what everything else is
// run from.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';
import { inputsFile, inputsOf, isBuilt } from './built.mjs';
import { builtFolder, currentFile, keptFile, loadProgram } from '../cli/bin/program.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
// What brings machine code stays where it is installed.
const withMachineCode = [
  '@napi-rs/blake-hash',
  '@node-rs/argon2',
  '@number0/iroh',
  'lmdb',
  'msgpackr-extract',
];

const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
const { status } = spawnSync(process.execPath, [compiler, '-b'], { cwd: root, stdio: 'inherit' });
if (status !== 0) {
  process.exit(status ?? 1);
}
if (isBuilt(builtFolder, root)) {
  process.exit(0);
}
const { outputFiles, metafile } = await build({
  absWorkingDir: root,
  metafile: true,
  entryPoints: [join(root, 'cli', 'dist', 'main.js')],
  outfile: join(builtFolder, 'program.cjs'),
  bundle: true,
  // Node.js keeps what it compiled of scripts alone, not of modules.
  format: 'cjs',
  supported: { 'dynamic-import': false },
  define: { 'import.meta.url': 'importMetaUrl' },
  banner: { js: "const importMetaUrl = require('node:url').pathToFileURL(__filename).href;" },
  platform: 'node',
  target: 'node20.19',
  external: withMachineCode,
  charset: 'ascii',
  legalComments: 'none',
  logLevel: 'warning',
  write: false,
});
const [program] = outputFiles;
requireAscii(program.text);
const hash = createHash('sha256').update(program.contents).digest('hex');
const name = `program-${hash.slice(0, 16)}.cjs`;
const path = join(builtFolder, name);
mkdirSync(builtFolder, { recursive: true });
keep(path, program.contents);
keep(join(builtFolder, currentFile), name);
const kept = keptFile(path);
if (!existsSync(kept)) {
  keep(kept, loadProgram().script.createCachedData());
}
const makers = ['scripts/build.mjs', 'cli/bin/program.js'];
keep(join(builtFolder, inputsFile), inputsOf([...Object.keys(metafile.inputs), ...makers], root));
for (const each of readdirSync(builtFolder)) {
  if (!each.startsWith(name) && ![currentFile, inputsFile].includes(each)) {
    rmSync(join(builtFolder, each), { recursive: true });
  }
}

/** Comments are read by nobody. */
function requireAscii(text) {
  const isOther = (line) => /[^\0-\x7f]/.test(line) && !/^\s*(?:\*|\/[/*])/.test(line);
  const line = text.split('\n').find(isOther);
  if (line !== undefined) {
    throw new Error(`the program is read as ASCII, and has other characters: ${line}`);
  }
}

/** Whole at once: who reads it meanwhile finds the former or this. */
function keep(to, contents) {
  const half = join(builtFolder, `${name}.${process.pid}.half`);
  writeFileSync(half, contents);
  renameSync(half, to);
}
