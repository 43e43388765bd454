#!/usr/bin/env node
// The program by itself: `hansa-verify FILE...`, for whoever does not want to install, or believe,
// a node.
import { parseArgs } from 'node:util';
import { tellReport, verifyExits, verifyFiles } from './files.ts';
import { readMoment } from './moments.ts';

const usage = `Usage: hansa-verify [--json] [--cluster <id>]... [--at <time>] FILE...

Checks evidence (see protocol/evidence.md) without asking a node.
  --cluster <id>  only the word of this cluster counts; may repeat
  --at <time>     when certificates and tokens are to be good, as 2026-01-31T12:00:00Z (default now)
  --json          the report as JSON

Exit codes: 0 all of it verified, 2 usage or no JSON, 3 no such file, 7 something does not verify.
`;

async function run(args: readonly string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      json: { type: 'boolean', default: false },
      cluster: { type: 'string', multiple: true, default: [] },
      at: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  });
  const atMs = values.at === undefined ? Date.now() : readMoment(values.at);
  if (values.help || positionals.length === 0 || atMs === undefined) {
    process.stdout.write(usage);
    return values.help ? 0 : verifyExits.unreadable;
  }
  const report = await verifyFiles(positionals, { atMs, clusters: values.cluster });
  const told = values.json ? JSON.stringify(report, undefined, 2) : tellReport(report).join('\n');
  process.stdout.write(`${told}\n`);
  return report.exit;
}

try {
  process.exitCode = await run(process.argv.slice(2));
} catch (error) {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n${usage}`);
  process.exitCode = verifyExits.unreadable;
}
