// `hansa audit list|watch|status|verify|export|prune|accept`.
import {
  countOption,
  flagOption,
  momentText,
  problemText,
  remote,
  requiredArgument,
  requiredOption,
  requireYes,
  textOption,
  textView,
  type Command,
  type CommandContext,
  type CommandOption,
  type CommandView,
} from '@hansa/foundation';
import type { AuditTerminal } from './cli-terminal.ts';
import { exportCommand, verifyCommand } from './cli-verifying.ts';
import {
  auditContract,
  type Audit,
  type AuditFilter,
  type AuditRow,
  type PrunePlan,
} from './contract.ts';

export type { AuditTerminal } from './cli-terminal.ts';

const filterOptions: readonly CommandOption[] = [
  { flags: '--principal <who>', description: 'user:anna, owner, cluster:<id>, user:*' },
  { flags: '--act <act>', description: 'such as links.invite, or policies.*' },
  { flags: '--target <what>', description: 'such as kv/prices, or git/*' },
  { flags: '--outcome <code>', description: 'OK, or the code of an error' },
  { flags: '--since <time>', description: '2026-01-31T12:00:00Z, or 2h for so long ago' },
  { flags: '--until <time>', description: 'the same' },
  { flags: '--cluster <name>', description: 'of one audit alone: own, or that of a peer' },
];

function filterOf(terminal: AuditTerminal, context: CommandContext): AuditFilter {
  const time = (name: string): number | undefined => {
    const text = textOption(context, name);
    return text === undefined ? undefined : terminal.moment(text);
  };
  return {
    principal: textOption(context, 'principal'),
    act: textOption(context, 'act'),
    target: textOption(context, 'target'),
    outcome: textOption(context, 'outcome'),
    sinceMs: time('since'),
    untilMs: time('until'),
    cluster: textOption(context, 'cluster'),
  };
}

const list = (terminal: AuditTerminal): Command => ({
  noun: 'audit',
  verb: 'list',
  summary: 'Show who did what and what became of it, newest first, here and in mirrored audits.',
  options: [
    ...filterOptions,
    { flags: '--limit <count>', description: 'so many (default 50)' },
    { flags: '--cursor <cursor>', description: 'go on where the page before ended' },
  ],
  examples: ['hansa audit list', 'hansa audit list --principal user:anna --since 24h'],
  async run(context) {
    const filter = filterOf(terminal, context);
    const limit = countOption(context, 'limit', 1);
    const cursor = textOption(context, 'cursor');
    const asked = { ...filter, limit, cursor };
    const data = await auditOf(context).list(asked, { signal: context.signal });
    return {
      data,
      view: rowsView(data.records),
      namesClusters: true,
      next:
        data.cursor === undefined
          ? ['hansa audit verify']
          : [`hansa audit list --cursor ${data.cursor}`],
    };
  },
});

function rowsView(records: readonly AuditRow[]): CommandView {
  return {
    kind: 'table',
    columns: ['TIME', 'CLUSTER', 'WHO', 'ACT', 'TARGET', 'OUTCOME', 'COUNT'],
    rows: records.map((row) => [
      momentText(row.atMs),
      row.clusterName,
      whoText(row),
      row.act,
      row.target === '' ? '-' : row.target,
      row.outcome,
      String(row.count),
    ]),
    empty: 'Nothing of the kind is in the audit.',
  };
}

function whoText({ principal, via }: AuditRow): string {
  return via === '' || principal === via ? principal : `${principal} (${via.split(':')[0] ?? ''})`;
}

const watch = (terminal: AuditTerminal): Command => ({
  noun: 'audit',
  verb: 'watch',
  summary: 'Show every record as it is written, until interrupted.',
  options: filterOptions,
  examples: ['hansa audit watch', 'hansa -o json audit watch --outcome FORBIDDEN'],
  async run(context) {
    let records = 0;
    const filter = filterOf(terminal, context);
    for await (const row of auditOf(context).watch(filter, { signal: context.signal })) {
      const line = [momentText(row.atMs), row.clusterName, whoText(row), row.act, row.target];
      const text = [...line, row.outcome].filter((word) => word !== '').join('  ');
      await terminal.print(row, (await context.named?.(text)) ?? text);
      records += 1;
    }
    const view = textView(`The watch ended after ${records} record(s).`);
    return { data: { records }, view, asLine: true };
  },
});

const status: Command = {
  noun: 'audit',
  verb: 'status',
  summary: 'Show how long the audit is, and up to where peers have countersigned it.',
  examples: ['hansa audit status'],
  async run(context) {
    const data = await auditOf(context).status({}, { signal: context.signal });
    const rows = data.peers.map((each) => [
      each.name,
      each.ours === undefined ? '-' : String(each.ours),
      each.theirs === undefined ? '-' : String(each.theirs),
      each.forked ? 'FORKED' : 'agreed',
    ]);
    const views: CommandView[] = [
      textView(`${data.records} record(s), the last is ${data.last}.`),
      ...data.problems.map((problem) => textView(`Look at this: ${problemText(problem)}`)),
      {
        kind: 'table',
        columns: ['PEER', 'SIGNED OURS TO', 'WE SIGNED THEIRS TO', 'STATE'],
        rows,
        empty: 'No linked cluster countersigns it: whoever has this machine can rewrite it.',
      },
    ];
    return { data, view: { kind: 'stack', views }, next: ['hansa audit verify'] };
  },
};

const prune = (terminal: AuditTerminal): Command => ({
  noun: 'audit',
  verb: 'prune',
  summary: 'Remove records before a time; a signed anchor takes their place.',
  options: [
    { flags: '--before <time>', description: '2026-01-31, or 90d for so long ago', required: true },
    { flags: '--plan', description: 'only say what would go' },
    { flags: '--yes', description: 'do not ask' },
  ],
  examples: ['hansa audit prune --before 180d --plan', 'hansa audit prune --before 365d --yes'],
  async run(context) {
    const beforeMs = terminal.moment(requiredOption(context, 'before'));
    const audit = auditOf(context);
    const plan = await audit.plan({ beforeMs }, { signal: context.signal });
    if (flagOption(context, 'plan') || plan.records === 0) {
      const next = [`hansa audit prune --before ${textOption(context, 'before') ?? ''}`];
      return { data: plan, view: planView(plan), next: plan.records === 0 ? [] : next };
    }
    const young = plan.young ? ' Some are younger than 90 days.' : '';
    await requireYes(context, `Remove ${plan.records} record(s) for good?${young}`);
    const data = await audit.prune({ beforeMs }, { signal: context.signal });
    const words = `Removed ${data.records} record(s), up to ${data.to}; ${data.kept} are kept.`;
    return { data, view: textView(words), next: ['hansa audit verify'] };
  },
});

function planView({ records, to, kept, young }: PrunePlan): CommandView {
  if (records === 0) {
    return textView('Nothing is that old.');
  }
  const warning = young ? ' Some of them are younger than 90 days.' : '';
  return textView(
    `${records} record(s) would go, up to ${to}; ${kept} would be kept.${warning} ` +
      'Export them first where somebody may ask for them.',
  );
}

const accept: Command = {
  noun: 'audit',
  verb: 'accept',
  summary: 'End AUDIT_FORKED with a peer once it is explained: what it shows next is believed.',
  args: [{ name: '<peer>', description: 'whose heads, or countersignatures, contradict' }],
  options: [{ flags: '--yes', description: 'do not ask' }],
  examples: ['hansa audit accept bergen --yes'],
  async run(context) {
    const peer = requiredArgument(context, 'peer');
    const question = `Forget that audits contradict each other, with ${peer}?`;
    await requireYes(context, question);
    const data = await auditOf(context).accept({ peer }, { signal: context.signal });
    const words = `What ${peer} shows and signs next is believed.`;
    return { data, view: textView(words), next: ['hansa audit status'] };
  },
};

function auditOf({ carrier }: CommandContext): Audit {
  return remote(auditContract, carrier);
}

export const auditCommands = (terminal: AuditTerminal): readonly Command[] => [
  list(terminal),
  watch(terminal),
  status,
  verifyCommand(terminal),
  exportCommand(terminal),
  prune(terminal),
  accept,
];
