import { clusterIdSchema, textView } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { chainOf } from '../../testkit/audit-bench.ts';
import { commandNamed, runCommand } from '../../testkit/command-context.ts';
import { auditCommands } from './cli.ts';
import type { AuditTerminal } from './cli-terminal.ts';
import type { AuditReport, AuditRow, PrunePlan } from './contract.ts';

const cluster = clusterIdSchema.parse('ab'.repeat(32));
const rows: AuditRow[] = chainOf(cluster, 2).map((record) => ({
  ...record,
  cluster,
  clusterName: 'lubeck',
}));
const plan: PrunePlan = { beforeMs: 5, records: 3, to: 3, kept: 1, young: true };
const nowMs = 10_000;

interface Written {
  readonly files: Map<string, string[]>;
  readonly printed: string[];
  readonly terminal: AuditTerminal;
}

function written(): Written {
  const files = new Map<string, string[]>();
  const printed: string[] = [];
  return {
    files,
    printed,
    terminal: {
      print: async (_item, line) => void printed.push(line),
      moment: (text) => nowMs - Number(text.slice(0, -1)),
      async create(path) {
        const lines: string[] = [];
        return {
          line: async (text) => void lines.push(text),
          close: async () => void files.set(path, lines),
        };
      },
      verifyFile: async (path) => ({ data: path, view: textView(`looked at ${path}`), exit: 7 }),
    },
  };
}

function command(words: string, { terminal }: Written = written()) {
  return commandNamed(auditCommands(terminal), words);
}

test('audit list asks for what the options say, and shows who did what', async () => {
  const { calls, shown, output } = await runCommand(command('audit list'), {
    answers: { 'audit.list': { records: rows, cursor: '1.2.c' } },
    options: { principal: 'user:*', since: '9s', limit: '2', cluster: 'own' },
  });
  expect(calls[0]?.[1]).toMatchObject({
    principal: 'user:*',
    sinceMs: nowMs - 9,
    limit: 2,
    cluster: 'own',
  });
  expect(shown).toContain('lubeck|owner|links.invite|kv/space-0|OK|1');
  expect(output.next).toEqual(['hansa audit list --cursor 1.2.c']);
});

test('clusters are shown by name, and those of a watch at once', async () => {
  const [row] = rows;
  const peer = { ...row, principal: `cluster:${cluster}`, via: '' };
  const { output } = await runCommand(command('audit list'), {
    answers: { 'audit.list': { records: [peer] } },
  });
  expect(output.namesClusters).toBe(true);
  const out = written();
  await runCommand(command('audit watch', out), {
    answers: { 'audit.watch': [peer] },
    named: async (line) => line.replace(cluster, 'lubeck'),
  });
  expect(out.printed[0]).toContain('  cluster:lubeck  ');
});

test('audit watch prints each record as it comes', async () => {
  const out = written();
  const { shown } = await runCommand(command('audit watch', out), {
    answers: { 'audit.watch': rows },
  });
  expect(out.printed).toHaveLength(2);
  expect(out.printed[0]).toContain('links.invite');
  expect(shown).toContain('2 record(s)');
});

const report: AuditReport = {
  cluster,
  clusterName: 'lubeck',
  verified: true,
  records: 5,
  prunedTo: 2,
  last: 7,
  witnesses: [
    { name: 'bergen', sequence: 3 },
    { name: 'bergen', sequence: 6 },
  ],
  problems: [],
};

test('audit verify says what holds, and ends with 7 where something does not', async () => {
  const progress = { type: 'progress', clusterName: 'lubeck', done: 1, total: 5 };
  const good = await runCommand(command('audit verify'), {
    answers: { 'audit.verify': [progress, { type: 'report', report }] },
  });
  expect(good.shown).toMatch(/5 record\(s\), the last is 7.*up to 2 were pruned.*bergen to 6/);
  expect([good.output.exit, good.progress]).toEqual([0, ['lubeck: 1 of 5 records']]);
  const problems = [{ what: 'changed', sequence: 4, sentence: 'record 4 was changed' }] as const;
  const bad = await runCommand(command('audit verify'), {
    answers: {
      'audit.verify': [{ type: 'report', report: { ...report, verified: false, problems } }],
    },
  });
  expect(bad.output.exit).toBe(7);
  expect(bad.shown).toContain('FALSE  record 4 was changed');
});

test('audit verify --file asks no node', async () => {
  const { calls, output } = await runCommand(command('audit verify'), {
    answers: {},
    options: { file: 'a.jsonl' },
  });
  expect([calls, output.exit]).toEqual([[], 7]);
});

test('audit export writes a line for each item', async () => {
  const out = written();
  const title = { kind: 'audit', format: 'hansa/evidence/1', cluster, name: 'lubeck' };
  const records = chainOf(cluster, 2).map((record) => {
    return { kind: 'audit-record', cluster, ...record };
  });
  const lines = [title, ...records];
  const { shown } = await runCommand(command('audit export', out), {
    answers: { 'audit.export': lines },
    options: { out: 'a.jsonl' },
  });
  expect(out.files.get('a.jsonl')?.map((line) => JSON.parse(line))).toEqual(lines);
  expect(shown).toBe('Wrote 2 record(s) to a.jsonl.');
});

test('audit prune says what would go, and removes nothing that was not confirmed', async () => {
  const answers = { 'audit.plan': plan, 'audit.prune': plan };
  const planned = await runCommand(command('audit prune'), {
    answers,
    options: { before: '5s', plan: true },
  });
  expect(planned.calls).toEqual([['audit.plan', { beforeMs: nowMs - 5 }]]);
  expect(planned.shown).toMatch(/3 record\(s\) would go.*younger than 90 days/);
  const calls: (readonly [string, unknown])[] = [];
  const options = { before: '5s' };
  const refused = runCommand(command('audit prune'), { answers, options, confirm: false }, calls);
  await expect(refused).rejects.toMatchObject({ code: 'NOT_CONFIRMED' });
  expect(calls.map(([method]) => method)).toEqual(['audit.plan']);
  const done = await runCommand(command('audit prune'), {
    answers,
    options: { ...options, yes: true },
  });
  expect(done.shown).toBe('Removed 3 record(s), up to 3; 1 are kept.');
});

test('audit accept asks first', async () => {
  const line = { answers: { 'audit.accept': { peer: cluster } }, args: { peer: 'bergen' } };
  const refused = runCommand(command('audit accept'), { ...line, confirm: false });
  await expect(refused).rejects.toMatchObject({ code: 'NOT_CONFIRMED' });
  const { calls } = await runCommand(command('audit accept'), { ...line, confirm: true });
  expect(calls).toEqual([['audit.accept', { peer: 'bergen' }]]);
});

test('audit status shows who countersigns, and that nobody does', async () => {
  const status = { records: 2, last: 2, problems: [], peers: [] };
  const alone = await runCommand(command('audit status'), { answers: { 'audit.status': status } });
  expect(alone.shown).toContain('can rewrite it');
  const peer = { peer: cluster, name: 'bergen', ours: 2, forked: true };
  const problem = { code: 'AUDIT_FORKED', message: 'two pasts' };
  const { shown } = await runCommand(command('audit status'), {
    answers: { 'audit.status': { ...status, problems: [problem], peers: [peer] } },
  });
  expect(shown).toContain('bergen|2|-|FORKED');
  expect(shown).toContain('two pasts');
});
