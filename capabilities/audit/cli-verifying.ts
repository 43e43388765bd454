// `hansa audit verify`, `hansa audit export`: whether the audit is what was signed, here or in a
// file.
import {
  remote,
  requiredOption,
  textOption,
  textView,
  type Command,
  type CommandContext,
  type CommandView,
} from '@hansa/foundation';
import type { AuditTerminal } from './cli-terminal.ts';
import { auditContract, type Audit, type AuditReport } from './contract.ts';

const damaged = 7; // the exit code of everything that does not verify

export function verifyCommand(terminal: AuditTerminal): Command {
  return {
    noun: 'audit',
    verb: 'verify',
    summary: 'Hold audits against their chains, heads and countersignatures; name what is wrong.',
    options: [
      { flags: '--cluster <name>', description: 'one audit alone: own, or that of a peer' },
      { flags: '--file <file>', description: 'an export instead; asks no node' },
    ],
    examples: ['hansa audit verify', 'hansa audit verify --file audit.jsonl'],
    async run(context) {
      const file = textOption(context, 'file');
      if (file !== undefined) {
        return terminal.verifyFile(file);
      }
      const reports: AuditReport[] = [];
      const cluster = textOption(context, 'cluster');
      for await (const said of auditOf(context).verify({ cluster }, { signal: context.signal })) {
        if (said.type === 'progress') {
          context.progress(`${said.clusterName}: ${said.done} of ${said.total} records`);
        } else {
          reports.push(said.report);
        }
      }
      const verified = reports.every((each) => each.verified);
      return {
        data: { verified, reports },
        view: { kind: 'stack', views: reports.map(reportView) },
        next: verified
          ? ['hansa audit export --out audit.jsonl']
          : ['hansa audit list --act "audit.*"'],
        exit: verified ? 0 : damaged,
      };
    },
  };
}

function reportView(report: AuditReport): CommandView {
  const { clusterName, records, last, prunedTo, witnesses, problems, verified } = report;
  const signed = newestOf(witnesses).map(({ name, sequence }) => `${name} to ${sequence}`);
  const pruned = prunedTo === 0 ? '' : ` Those up to ${prunedTo} were pruned.`;
  const by = signed.length === 0 ? 'nobody' : signed.join(', ');
  const found = problems.map(({ sentence }) => textView(`FALSE  ${sentence}`));
  const outcome = verified ? 'all follow each other as they were signed' : 'it does not verify';
  const words =
    `${clusterName}: ${records} record(s), the last is ${last}; ${outcome}.${pruned} ` +
    `Countersigned by ${by}.`;
  return { kind: 'stack', views: [textView(words), ...found] };
}

function newestOf(witnesses: AuditReport['witnesses']): AuditReport['witnesses'] {
  const newest = new Map<string, number>();
  for (const { name, sequence } of witnesses) {
    newest.set(name, Math.max(sequence, newest.get(name) ?? 0));
  }
  return [...newest].map(([name, sequence]) => ({ name, sequence }));
}

export function exportCommand(terminal: AuditTerminal): Command {
  return {
    noun: 'audit',
    verb: 'export',
    summary: 'Write records and what proves them into a file that needs no node to be checked.',
    options: [
      { flags: '--out <file>', description: 'a new file, a JSON text per line', required: true },
      { flags: '--cluster <name>', description: 'the mirrored audit of a peer' },
    ],
    examples: ['hansa audit export --out audit.jsonl'],
    async run(context) {
      const out = requiredOption(context, 'out');
      const cluster = textOption(context, 'cluster');
      const file = await terminal.create(out);
      let records = 0;
      try {
        const lines = auditOf(context).export({ cluster }, { signal: context.signal });
        for await (const line of lines) {
          await file.line(JSON.stringify(line));
          records += line.kind === 'audit-record' ? 1 : 0;
        }
      } finally {
        await file.close();
      }
      return {
        data: { file: out, records },
        view: textView(`Wrote ${records} record(s) to ${out}.`),
        next: [`hansa audit verify --file ${out}`],
      };
    },
  };
}

function auditOf({ carrier }: CommandContext): Audit {
  return remote(auditContract, carrier);
}
