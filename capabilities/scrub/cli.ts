// `hansa scrub`: whether all that is stored is what was written, and what becomes of what is not.
import {
  bytesText,
  flagOption,
  momentText,
  remote,
  textView,
  type Command,
  type CommandContext,
  type CommandOutput,
  type CommandView,
} from '@hansa/foundation';
import {
  scrubContract,
  type ClassRead,
  type Finding,
  type Scrub,
  type ScrubReport,
} from './contract.ts';

const damaged = 7; // the exit code of everything that does not verify

const run: Command = {
  noun: 'scrub',
  summary: 'Read all that is stored, name what is not what was written, and put it right.',
  options: [
    { flags: '--repair', description: 'bring it back from mirrors, owners and other nodes' },
  ],
  examples: ['hansa scrub', 'hansa scrub --repair -o json'],
  async run(context) {
    const scrub = scrubOf(context);
    const { signal } = context;
    await scrub.begin({ repair: flagOption(context, 'repair') }, { signal });
    let shown = '';
    let report: ScrubReport | undefined;
    for await (const said of scrub.follow({}, { signal })) {
      if (said.type === 'report') {
        report = said.report;
        continue;
      }
      const line = readText(said.read.slice(-1));
      if (line !== shown) {
        shown = line;
        context.progress(`${line}; ${said.found} found`);
      }
    }
    if (report !== undefined) {
      return output(report);
    }
    const data = await scrub.status({}, { signal });
    return { data, view: textView('The round was broken off.'), exit: 1 };
  },
};

function output(data: ScrubReport): CommandOutput {
  const left = data.found.filter(({ repairedMs }) => repairedMs === undefined);
  const words =
    data.found.length === 0
      ? 'All of it is what was written.'
      : `${data.found.length} found, ${data.found.length - left.length} put right.`;
  return {
    data,
    view: {
      kind: 'stack',
      views: [textView(`Read ${readText(data.read)}. ${words}`), findingsView(data.found)],
    },
    namesClusters: true,
    next: left.length === 0 ? ['hansa scrub status'] : ['hansa scrub --repair', 'hansa link list'],
    exit: left.length === 0 ? 0 : damaged,
  };
}

function readText(read: readonly ClassRead[]): string {
  return read
    .map(({ class: of, items, bytes }) => `${items} ${of} (${bytesText(bytes)})`)
    .join(', ');
}

function findingsView(found: readonly Finding[]): CommandView {
  return {
    kind: 'table',
    columns: ['CLASS', 'WHAT', 'WRONG', 'OF', 'FOUND', 'OUTCOME'],
    rows: found.map((each) => [
      each.class,
      each.name.slice(0, 16),
      each.sentence,
      each.concerns.join(', ') || '-',
      momentText(each.foundMs),
      each.repairedMs === undefined
        ? `not put right: ${each.reason ?? ''}`
        : `put right from ${each.from ?? 'here'}`,
    ]),
    empty: 'Nothing is damaged.',
  };
}

const status: Command = {
  noun: 'scrub',
  verb: 'status',
  summary: 'Show the last round, and what is damaged or was put right.',
  examples: ['hansa scrub status', 'hansa scrub status -o json'],
  async run(context) {
    const data = await scrubOf(context).status({}, { signal: context.signal });
    const { last, nextMs, running } = data;
    const past =
      last === undefined
        ? 'No round has ended yet.'
        : `Read ${readText(last.read)} until ${momentText(last.endedMs)}.`;
    const next = nextMs === undefined ? '' : ` The next begins by itself at ${momentText(nextMs)}.`;
    const now = running ? 'A round is under way. ' : '';
    return {
      data,
      view: {
        kind: 'stack',
        views: [textView(`${now}${past}${next}`), findingsView(data.findings)],
      },
      namesClusters: true,
      next: ['hansa scrub --repair'],
    };
  },
};

function scrubOf({ carrier }: CommandContext): Scrub {
  return remote(scrubContract, carrier);
}

export const scrubCommands: readonly Command[] = [status, run];
