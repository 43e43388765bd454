// `hansa barrier …`: coming together and leaving together.
import {
  countOption,
  durationOption,
  remote,
  requiredArgument,
  requiredOption,
  textOption,
  textView,
  type Command,
  type CommandContext,
  type CommandOption,
} from '@hansa/foundation';
import { barrierContract, type Barriers } from './contract.ts';

const nameArgument = { name: '<barrier>', description: 'what the barrier is called' };
const waitOption = { flags: '--wait <duration>', description: 'for the others (default 30s)' };
const participantOption: CommandOption = {
  flags: '--participant <text>',
  description: 'who comes: one party',
  required: true,
};
const conflictExit = 5; // as every conflict
const secondMs = 1_000;

function barriersOf({ carrier }: CommandContext): Barriers {
  return remote(barrierContract, carrier);
}

function participating(context: CommandContext): { barrier: string; participant: string } {
  return {
    barrier: requiredArgument(context, 'barrier'),
    participant: textOption(context, 'participant') ?? '',
  };
}

const enter: Command = {
  noun: 'barrier',
  verb: 'enter',
  summary: 'Come to a barrier, and go on when all parties have come.',
  args: [nameArgument],
  options: [
    { flags: '--parties <count>', description: 'how many there will be', required: true },
    participantOption,
    { flags: '--ttl <duration>', description: 'who is away for longer has left (default 30s)' },
    waitOption,
  ],
  examples: ['hansa barrier enter release --parties 3 --participant lubeck --wait 5m'],
  async run(context) {
    requiredOption(context, 'parties');
    const ttlMs = durationOption(context, 'ttl');
    const asked = {
      ...participating(context),
      parties: countOption(context, 'parties', 1) ?? 1,
      ttlSeconds: ttlMs === undefined ? undefined : Math.ceil(ttlMs / secondMs),
      waitMs: durationOption(context, 'wait'),
    };
    const data = await barriersOf(context).enter(asked, { signal: context.signal });
    const { barrier, participant } = data;
    return {
      data,
      view: textView(`All are at ${barrier}.`),
      next: [`hansa barrier leave ${barrier} --participant ${participant}`],
    };
  },
};

const leave: Command = {
  noun: 'barrier',
  verb: 'leave',
  summary: 'Leave a barrier, and go on when all have left.',
  args: [nameArgument],
  options: [participantOption, waitOption],
  examples: ['hansa barrier leave release --participant lubeck'],
  async run(context) {
    const asked = { ...participating(context), waitMs: durationOption(context, 'wait') };
    const data = await barriersOf(context).leave(asked, { signal: context.signal });
    const { remaining } = data;
    return {
      data,
      view: textView(remaining === 0 ? 'All have left.' : `${remaining} have not left yet.`),
      exit: remaining === 0 ? 0 : conflictExit,
    };
  },
};

const renew: Command = {
  noun: 'barrier',
  verb: 'renew',
  summary: 'Stay at a barrier for the whole time again.',
  args: [nameArgument],
  options: [participantOption],
  examples: ['hansa barrier renew release --participant lubeck'],
  async run(context) {
    const data = await barriersOf(context).renew(participating(context), {
      signal: context.signal,
    });
    return { data, view: textView(`Renewed for ${data.ttlSeconds} s.`) };
  },
};

const show: Command = {
  noun: 'barrier',
  verb: 'show',
  summary: 'Show who is at a barrier.',
  args: [nameArgument],
  examples: ['hansa barrier show release'],
  async run(context) {
    const barrier = requiredArgument(context, 'barrier');
    const data = await barriersOf(context).show({ barrier }, { signal: context.signal });
    return {
      data,
      view: {
        kind: 'record',
        fields: [
          ['barrier', barrier],
          ['state', data.open ? 'open: they leave' : 'closed: they come'],
          ['present', `${data.present.length} of ${data.parties}: ${data.present.join(', ')}`],
        ],
      },
    };
  },
};

const list: Command = {
  noun: 'barrier',
  verb: 'list',
  summary: 'List barriers at which somebody is.',
  examples: ['hansa barrier list'],
  async run(context) {
    const data = await barriersOf(context).list({}, { signal: context.signal });
    return {
      data,
      view: {
        kind: 'table',
        columns: ['BARRIER', 'STATE', 'PRESENT', 'PARTIES'],
        rows: data.barriers.map(({ barrier, open, present, parties }) => [
          barrier,
          open ? 'open' : 'closed',
          String(present.length),
          String(parties),
        ]),
        empty: 'Nobody is at a barrier.',
      },
    };
  },
};

export const barriersCommands: readonly Command[] = [enter, leave, renew, show, list];
