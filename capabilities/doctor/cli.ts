// `hansa doctor`: one answer, with what to do, and what was looked at.
import {
  errorCodes,
  remote,
  type Command,
  type CommandView,
  type ErrorCode,
} from '@hansa/foundation';
import {
  doctorContract,
  isFault,
  type Examination,
  type Finding,
  type LinkExamination,
} from './contract.ts';

const doctor: Command = {
  noun: 'doctor',
  summary: 'Test a link from both ends, or all links and this node: one answer, with fixes.',
  args: [{ name: '[peer]', description: 'name or id of the peer (default: everything)' }],
  options: [{ flags: '--all', description: 'show what is well, too' }],
  examples: ['hansa doctor', 'hansa doctor bergen'],
  async run({ carrier, args, options, signal, progress }) {
    progress('looking at both ends; a peer that does not answer takes a few seconds…');
    const { peer } = args;
    const data = await remote(doctorContract, carrier).examine({ peer }, { signal });
    return {
      data,
      view: examinationView(data, options['all'] === true),
      ...(data.healthy ? {} : { exit: gravestExit(data) }),
      next: [data.healthy ? 'hansa link list' : 'hansa doctor --all'],
    };
  },
};

// Worse first: what is damaged, refused, in conflict, away, not found, and everything else.
const gravity: readonly number[] = [7, 4, 5, 6, 3, 2, 1];

/** Of the gravest fault, or of what is not known where there is none; 1 where none has a code. */
function gravestExit({ node, links, unknown }: Examination): number {
  const all = [...node, ...links.flatMap(({ findings }) => findings)];
  const faults = all.filter((each) => (unknown === true ? each.unknown === true : isFault(each)));
  const exits = new Set(faults.flatMap(({ code }) => (code === undefined ? [] : [exitOf(code)])));
  return gravity.find((exit) => exits.has(exit)) ?? 1;
}

function exitOf(code: ErrorCode): number {
  return errorCodes[code].exit;
}

function examinationView(data: Examination, all: boolean): CommandView {
  const { verdict, fix, node, links } = data;
  const answer = `${healthWord(data)}: ${verdict}.`;
  const own = findingsView('this node', node, all);
  const lines = fix === undefined ? [answer] : [answer, `To do: ${fix}`];
  return {
    kind: 'stack',
    views: [
      { kind: 'text', text: lines.join('\n') },
      ...links.map((link) => linkView(link, all)),
      ...(own === undefined ? [] : [own]),
    ],
  };
}

function healthWord({ healthy, unknown }: Examination): string {
  return healthy ? 'Healthy' : unknown === true ? 'Unknown' : 'Not healthy';
}

function wellWord(each: Finding): string {
  return each.passed ? 'ok' : isFault(each) ? 'FAULT' : each.unknown === true ? '?' : 'note';
}

function linkView(
  { name, status, answered, findings }: LinkExamination,
  all: boolean,
): CommandView {
  const title = `${name} (${status}${answered ? '' : ', has not answered'})`;
  const shown = findingsView(title, findings, all);
  const text = `\n${title}: ${findings.length} checks are well.`;
  return shown ?? { kind: 'text', text };
}

function findingsView(
  title: string,
  findings: readonly Finding[],
  all: boolean,
): CommandView | undefined {
  const shown = all ? findings : findings.filter(({ passed }) => !passed);
  if (shown.length === 0) {
    return undefined;
  }
  const rows = shown.map((each) => [
    wellWord(each),
    each.check,
    each.side,
    each.finding,
    each.passed ? '' : (each.fix ?? ''),
  ]);
  const columns = ['', 'CHECK', 'SIDE', 'FINDING', 'TO DO'];
  return {
    kind: 'stack',
    views: [
      { kind: 'text', text: `\n${title}` },
      { kind: 'table', columns, rows, empty: '' },
    ],
  };
}

export const doctorCommands: readonly Command[] = [doctor];
