// One file of a program of ours and of all that it imports, for a process of its own: nothing is
// looked for and translated module by module, which takes a second of each start, and no function
// is given its name again each time it is made.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build, type BuildOptions, type Plugin } from 'esbuild';

const here = dirname(fileURLToPath(import.meta.url));
const root = dirname(here);
// Have machine code beside them, or look for it, and stay where they are installed.
const installed = ['@napi-rs/*', '@node-rs/*', '@number0/*', 'esbuild', 'lmdb', 'msgpackr-extract'];
// A module has no `require` of its own; some of what is put together asks for one.
const requires =
  "const require = process.getBuiltinModule('node:module').createRequire(import.meta.url);";

/** Below it is a folder of each bundle, called `<pid>-…`. */
export const bundlesFolder: string = join(root, 'node_modules', '.cache', 'hansa-bundles');

export interface Bundle {
  /** For Node.js. */
  readonly path: string;
  remove(): void;
}

/** Something else than what the source says. */
export interface Edited {
  /** From the root of the project. */
  readonly file: string;
  readonly edits: readonly Edit[];
}

export interface Edit {
  /** Stands in the file exactly once. */
  readonly from: string;
  readonly to: string;
}

/** Rejects where the text of an edit is not there exactly once, or its file is no part of it. */
export function bundle(entry: string, edited?: Edited): Promise<Bundle> {
  const plugins = edited === undefined ? [] : [editing(edited)];
  return bundled({ entryPoints: [join(root, entry)], plugins }, edited);
}

/** Of a script that imports as a file of this folder does. */
export function bundleScript(contents: string): Promise<Bundle> {
  return bundled({ stdin: { contents, resolveDir: here, loader: 'ts' } });
}

async function bundled(what: BuildOptions, edited?: Edited): Promise<Bundle> {
  mkdirSync(bundlesFolder, { recursive: true });
  // Two at once may be of two states of the source.
  const folder = mkdtempSync(join(bundlesFolder, `${process.pid}-`));
  const path = join(folder, 'program.mjs');
  const remove = (): void => rmSync(folder, { recursive: true, force: true });
  try {
    const { metafile } = await build({
      ...what,
      absWorkingDir: root,
      metafile: true,
      outfile: path,
      bundle: true,
      format: 'esm',
      platform: 'node',
      target: 'node20.19',
      conditions: ['@hansa/source'],
      external: installed,
      banner: { js: requires },
      logLevel: 'silent', // it is in the error
    });
    if (edited !== undefined && metafile.inputs[edited.file] === undefined) {
      throw new Error(`${edited.file} is no part of it`);
    }
  } catch (error) {
    remove();
    throw error;
  }
  return { path, remove };
}

function editing({ file, edits }: Edited): Plugin {
  const edit = (source: string, { from, to }: Edit): string => {
    const parts = source.split(from);
    if (parts.length !== 2) {
      throw new Error(`the text is ${parts.length - 1} times in ${file}: ${from}`);
    }
    return parts.join(to);
  };
  return {
    name: 'editing',
    setup({ onLoad }) {
      onLoad({ filter: /\.ts$/ }, ({ path }) =>
        path === join(root, file)
          ? { contents: edits.reduce(edit, readFileSync(path, 'utf8')), loader: 'ts' }
          : undefined,
      );
    },
  };
}
