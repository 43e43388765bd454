#!/usr/bin/env node
// The command `hansa`: loads the built program, or says how to build it.
import { loadProgram } from './program.js';

const program = loadProgram();
if (program === undefined) {
  process.stderr.write('error: hansa is not built yet\nfix: run "npm run build" in the checkout\n');
  process.exitCode = 1;
} else {
  process.exitCode = await program.exports.main(process.argv.slice(2));
}
