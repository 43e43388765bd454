// Loads the built program: one file, and beside it what this Node.js made of it when it was built,
// which is a third of a short command's time. The file is named by its content, so that what is
// kept can only be of it.
import { readFileSync } from 'node:fs';
import { createRequire, Module } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { Script } from 'node:vm';

/** The folder of what `npm run build` makes of the command. */
export const builtFolder = fileURLToPath(new URL('../dist/bundle/', import.meta.url));

/** Holds the name of the program that counts. */
export const currentFile = 'current';

/**
 * The program's exports, and its script, for whoever keeps it. Undefined: nothing is built.
 *
 * @param {string} folder with the file `current`
 */
export function loadProgram(folder = builtFolder) {
  const name = textIfThere(join(folder, currentFile));
  if (name === undefined) {
    return undefined;
  }
  const path = join(folder, name);
  // It is written in ASCII alone: read as what it is, it takes half the memory.
  const source = Module.wrap(readFileSync(path, 'latin1'));
  const script = new Script(source, { filename: path, cachedData: bytesIfThere(keptFile(path)) });
  const module = { exports: {} };
  const run = script.runInThisContext();
  run.call(module.exports, module.exports, createRequire(path), module, path, dirname(path));
  return { path, script, exports: module.exports };
}

/** Another Node.js makes something else of the same program. */
export function keptFile(path) {
  return `${path}.${process.version}-${process.arch}`;
}

function textIfThere(path) {
  return bytesIfThere(path)?.toString();
}

function bytesIfThere(path) {
  try {
    return readFileSync(path);
  } catch (error) {
    if (error.code !== 'ENOENT') {
      throw error;
    }
    return undefined;
  }
}
