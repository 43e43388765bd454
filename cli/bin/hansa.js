#!/usr/bin/env node
// The command `hansa`: loads the built program, or says how to build it.
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const built = new URL('../dist/bundle/main.js', import.meta.url);
if (existsSync(fileURLToPath(built))) {
  const { main } = await import(built.href);
  process.exitCode = await main(process.argv.slice(2));
} else {
  process.stderr.write('error: hansa is not built yet\nfix: run "npm run build" in the checkout\n');
  process.exitCode = 1;
}
