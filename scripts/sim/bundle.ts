// What a worker runs, put together into one file: nothing is looked for and translated module by
// module, and no function is given its name again each time it is made. It is gone with the runs.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
// Have machine code beside them, or look for it, and stay where they are installed.
const installed = ['@napi-rs/*', '@node-rs/*', '@number0/*', 'lmdb', 'msgpackr-extract'];
// A module has no `require` of its own; some of what is put together asks for one.
const requires =
  "const require = process.getBuiltinModule('node:module').createRequire(import.meta.url);";

export interface WorkerBundle {
  readonly path: string;
  remove(): void;
}

export async function bundleWorker(): Promise<WorkerBundle> {
  const parent = join(here, 'dist');
  mkdirSync(parent, { recursive: true });
  // Two simulations at once may be of two states of the source.
  const folder = mkdtempSync(join(parent, `worker-${process.pid}-`));
  const path = join(folder, 'worker.mjs');
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    await build({
      entryPoints: [join(here, 'worker.ts')],
      outfile: path,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20.19',
      conditions: ['@hansa/source'],
      external: installed,
      banner: { js: requires },
      logLevel: 'warning',
    });
  } catch (error) {
    remove();
    throw error;
  }
  return { path, remove };
}
