// `hansa election …`: standing, leading while a program runs, and following who leads.
import {
  countOption,
  durationOption,
  HansaError,
  momentText,
  remote,
  requiredArgument,
  runHolding,
  showWatch,
  textOption,
  textView,
  type Command,
  type CommandContext,
  type ProgramRunner,
} from '@hansa/foundation';
import { electionContract, type Election, type Elections, type Term } from './contract.ts';

export interface CandidateTerminal extends ProgramRunner {
  print(item: unknown, line: string): Promise<void>;
}

const nameArgument = { name: '<election>', description: 'what is led' };
const termOption = {
  flags: '--term <number>',
  description: 'the number of the term',
  required: true,
};
const campaignOptions = [
  { flags: '--candidate <text>', description: 'who stands: one party (default: this process)' },
  { flags: '--value <text>', description: 'what others find, for example where it listens' },
  { flags: '--ttl <duration>', description: 'how long a term lasts unless renewed (default 30s)' },
  { flags: '--wait <duration>', description: 'how long to stand (default 30s; 0s asks once)' },
];
const secondMs = 1_000;

export function electionsCommands(terminal: CandidateTerminal): readonly Command[] {
  return [
    campaignCommand(terminal),
    runCommand(terminal),
    renew,
    resign,
    show,
    list,
    watchCommand(terminal),
    forget,
  ];
}

function electionsOf({ carrier }: CommandContext): Elections {
  return remote(electionContract, carrier);
}

function campaign(context: CommandContext, me: string): Promise<Term> {
  const ttlMs = durationOption(context, 'ttl');
  const asked = {
    election: requiredArgument(context, 'election'),
    candidate: textOption(context, 'candidate') ?? me,
    value: textOption(context, 'value'),
    ttlSeconds: ttlMs === undefined ? undefined : Math.ceil(ttlMs / secondMs),
    waitMs: durationOption(context, 'wait'),
  };
  return electionsOf(context).campaign(asked, { signal: context.signal });
}

function campaignCommand({ me }: CandidateTerminal): Command {
  return {
    noun: 'election',
    verb: 'campaign',
    summary: 'Stand for an election, and answer when the candidate leads.',
    args: [nameArgument],
    options: campaignOptions,
    examples: ['hansa election campaign importer --value http://127.0.0.1:8080 --wait 1m'],
    async run(context) {
      const data = await campaign(context, me);
      const { election, candidate, term, ttlSeconds } = data;
      return {
        data,
        view: textView(`${candidate} leads in term ${term}, for ${ttlSeconds} s unless renewed.`),
        next: [
          `hansa election renew ${election} --term ${term}`,
          `hansa election resign ${election} --term ${term}`,
        ],
      };
    },
  };
}

function runCommand(terminal: CandidateTerminal): Command {
  return {
    noun: 'election',
    verb: 'run',
    summary: 'Run a program while its candidate leads; it finds HANSA_ELECTION_TERM.',
    args: [nameArgument, { name: '<command...>', description: 'the program, after "--"' }],
    options: campaignOptions,
    examples: ['hansa election run importer --wait 5m -- ./importer'],
    async run(context) {
      const given: unknown = context.args['command'];
      const words = Array.isArray(given) ? given.map(String) : [];
      if (words.length === 0) {
        throw new HansaError('USAGE', '<command> is missing', { fix: 'see --help' });
      }
      const term = await campaign(context, terminal.me);
      const elections = electionsOf(context);
      const office = { election: term.election, term: term.term };
      // How long the answer was on its way is not known; of a renewal it is.
      const sentMs = terminal.clock.monotonicMs();
      await elections.renew(office);
      const held = {
        hold: term,
        ttlSeconds: term.ttlSeconds,
        sentMs,
        env: {
          HANSA_ELECTION: term.election,
          HANSA_ELECTION_TERM: String(term.term),
          HANSA_ELECTION_CANDIDATE: term.candidate,
        },
        renew: () => elections.renew(office),
        release: () => elections.resign(office),
      };
      return runHolding(context, terminal, { words, held });
    },
  };
}

function inOffice(context: CommandContext): { election: string; term: number } {
  const text = textOption(context, 'term') ?? '';
  if (!/^[1-9]\d{0,15}$/.test(text)) {
    throw new HansaError('USAGE', '--term is the number that the campaign was answered with');
  }
  return { election: requiredArgument(context, 'election'), term: Number(text) };
}

const renew: Command = {
  noun: 'election',
  verb: 'renew',
  summary: 'Let a term last for its whole time again.',
  args: [nameArgument],
  options: [termOption],
  examples: ['hansa election renew importer --term 7'],
  async run(context) {
    const data = await electionsOf(context).renew(inOffice(context), { signal: context.signal });
    return { data, view: textView(`Renewed for ${data.ttlSeconds} s.`) };
  },
};

const resign: Command = {
  noun: 'election',
  verb: 'resign',
  summary: 'End a term; the next candidate leads.',
  args: [nameArgument],
  options: [termOption],
  examples: ['hansa election resign importer --term 7'],
  async run(context) {
    const data = await electionsOf(context).resign(inOffice(context), { signal: context.signal });
    return { data, view: textView(`Resigned from term ${data.term} of ${data.election}.`) };
  },
};

const show: Command = {
  noun: 'election',
  verb: 'show',
  summary: 'Show who leads and who stands for it.',
  args: [nameArgument],
  examples: ['hansa election show importer'],
  async run(context) {
    const election = requiredArgument(context, 'election');
    const data = await electionsOf(context).show({ election }, { signal: context.signal });
    const { leader, candidates } = data;
    const candidateRows = candidates.map(({ candidate, value }) => [
      'stands',
      candidate,
      '',
      value,
    ]);
    return {
      data,
      view: {
        kind: 'table',
        columns: ['', 'CANDIDATE', 'TERM', 'VALUE', 'SINCE'],
        rows: [
          ...(leader === undefined
            ? []
            : [
                [
                  'leads',
                  leader.candidate,
                  String(leader.term),
                  leader.value,
                  momentText(leader.sinceMs),
                ],
              ]),
          ...candidateRows.map((cells) => [...cells, '']),
        ],
        empty: `Nobody leads or stands; the last term was ${data.lastTerm}.`,
      },
    };
  },
};

const list: Command = {
  noun: 'election',
  verb: 'list',
  summary: 'List elections.',
  options: [
    { flags: '--after <election>', description: 'begin behind this one' },
    { flags: '--limit <count>', description: 'elections of the page (default 200)' },
  ],
  examples: ['hansa election list'],
  async run(context) {
    const asked = { after: textOption(context, 'after'), limit: countOption(context, 'limit', 1) };
    const data = await electionsOf(context).list(asked, { signal: context.signal });
    return {
      data,
      view: {
        kind: 'table',
        columns: ['ELECTION', 'LEADER', 'TERM', 'STANDING'],
        rows: data.elections.map(({ election, leader, candidates }) => [
          election,
          leader?.candidate ?? '',
          leader === undefined ? '' : String(leader.term),
          String(candidates.length),
        ]),
        empty: 'There are no elections.',
      },
      next: data.next === undefined ? [] : [`hansa election list --after ${data.next}`],
    };
  },
};

function watchCommand({ print }: CandidateTerminal): Command {
  return {
    noun: 'election',
    verb: 'watch',
    summary: 'Show who leads whenever that changes, until interrupted.',
    args: [nameArgument],
    examples: ['hansa election watch importer'],
    async run(context) {
      const election = requiredArgument(context, 'election');
      return showWatch(context, {
        open: () => electionsOf(context).watch({ election }, { signal: context.signal }),
        show: (each) => print(each, lineOf(each)),
      });
    },
  };
}

function lineOf({ election, leader }: Election): string {
  return leader === undefined
    ? `nobody leads ${election}`
    : `${leader.candidate} leads ${election} in term ${leader.term}  ${leader.value}`;
}

const forget: Command = {
  noun: 'election',
  verb: 'forget',
  summary: 'Forget an election that nobody stands for; its terms still only rise.',
  args: [nameArgument],
  examples: ['hansa election forget importer'],
  async run(context) {
    const election = requiredArgument(context, 'election');
    const data = await electionsOf(context).forget({ election }, { signal: context.signal });
    return { data, view: textView(`Forgot ${data.election}.`), next: ['hansa election list'] };
  },
};
