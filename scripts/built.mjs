// Whether the program was put together from the files that are there: then a build has nothing to
// do. For `build.mjs`.
import { existsSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { currentFile, keptFile } from '../cli/bin/program.js';

/** Beside the program, what it was made from. */
export const inputsFile = 'inputs.json';

/**
 * As `inputsFile` holds it: each file with its size and time, which whoever writes it moves.
 *
 * @param {readonly string[]} files from `root`
 * @param {string} root
 */
export function inputsOf(files, root) {
  return JSON.stringify(files.map((file) => stateOf(file, root)));
}

/**
 * True too only where this version of Node.js finds what was compiled.
 *
 * @param {string} folder of the program
 * @param {string} root
 */
export function isBuilt(folder, root) {
  try {
    const path = join(folder, readFileSync(join(folder, currentFile), 'utf8'));
    const inputs = JSON.parse(readFileSync(join(folder, inputsFile), 'utf8'));
    const isSame = (input) => JSON.stringify(stateOf(input[0], root)) === JSON.stringify(input);
    return existsSync(path) && existsSync(keptFile(path)) && inputs.every(isSame);
  } catch {
    return false; // something of it is not there, or is half of it
  }
}

function stateOf(file, root) {
  const { size, mtimeMs } = statSync(join(root, file));
  return [file, size, mtimeMs];
}
