// `hansa signal status|sessions|end|rule …`: how the cluster's own router stands, and what holds
// for which addresses.
import {
  countOption,
  durationOption,
  flagOption,
  momentText,
  remote,
  requiredArgument,
  textOption,
  textView,
  type Command,
  type CommandContext,
} from '@hansa/foundation';
import { routerContract, type PlacedRule, type RouterDesk } from './contract.ts';

const secondMs = 1_000;

export function deskOf({ carrier }: CommandContext): RouterDesk {
  return remote(routerContract, carrier);
}

const status: Command = {
  noun: 'signal',
  verb: 'status',
  summary: 'Show how the cluster’s own router of signals stands.',
  examples: ['hansa signal status'],
  async run(context) {
    const data = await deskOf(context).status({}, { signal: context.signal });
    const { url, waiting } = data;
    return {
      data,
      view: {
        kind: 'record',
        fields: [
          ['sessions connect', url ?? 'nowhere: start with --signals 127.0.0.1:7330'],
          ['sessions', String(data.sessions)],
          ['params', `${data.params}${waiting === 0 ? '' : `, ${waiting} not stored yet`}`],
          ['rules', String(data.rules)],
          ['tokens', String(data.tokens)],
          ['received', String(data.received)],
          ['set', String(data.sets)],
          ['published', String(data.publishes)],
          ['refused', String(data.refused)],
          ['over the rate', String(data.rateLimited)],
          ['unreadable', String(data.undecodable)],
        ],
      },
      next: ['hansa signal sessions', `hansa signal watch '/**'`],
    };
  },
};

const sessions: Command = {
  noun: 'signal',
  verb: 'sessions',
  summary: 'List who is connected to the cluster’s own router.',
  examples: ['hansa signal sessions'],
  async run(context) {
    const data = await deskOf(context).sessions({}, { signal: context.signal });
    const [first] = data.sessions;
    return {
      data,
      view: {
        kind: 'table',
        columns: ['ID', 'NAME', 'AS', 'FROM', 'SINCE', 'SUBSCRIBED', 'WAITING'],
        rows: data.sessions.map((each) => [
          each.id,
          each.name,
          each.subject,
          each.remote,
          momentText(each.sinceMs),
          String(each.subscriptions),
          `${each.waitingBytes} bytes`,
        ]),
        empty: 'Nobody is connected.',
      },
      namesClusters: true,
      next: first === undefined ? [] : [`hansa signal end ${first.id}`],
    };
  },
};

const end: Command = {
  noun: 'signal',
  verb: 'end',
  summary: 'End a session at the cluster’s own router; it may come again.',
  args: [{ name: '<session>', description: 'as hansa signal sessions shows it' }],
  examples: ['hansa signal end 1c9a6f0e-52a6-4c7f-9b8e-3d6f0c1b2a77'],
  async run(context) {
    const id = requiredArgument(context, 'session');
    const data = await deskOf(context).endSession({ id }, { signal: context.signal });
    return { data, view: textView(`Ended ${id}.`), next: ['hansa signal sessions'] };
  },
};

const strategies = ['lww', 'max', 'min', 'first', 'lock', 'merge'] as const;
const eventPolicies = ['keep', 'drop'] as const;
type Strategy = (typeof strategies)[number];
type EventPolicy = (typeof eventPolicies)[number];

const putRule: Command = {
  noun: 'signal',
  verb: 'rule put',
  summary: 'Choose for the addresses of a pattern: how writes come together, how long they live.',
  args: [{ name: '<pattern>', description: '* for one segment, ** for any number of them' }],
  options: [
    { flags: '--durable', description: 'acknowledge when it is stored; a crash loses none' },
    { flags: '--strategy <strategy>', description: 'of several writes', choices: strategies },
    { flags: '--ttl <duration>', description: 'how long a param lives unread; 0s for ever' },
    { flags: '--events <policy>', description: 'for who is slow', choices: eventPolicies },
    { flags: '--journal <entries>', description: 'remember so many of what passes, for REPLAY' },
    { flags: '--journal-bytes <bytes>', description: 'what those may take (default: 16 MiB)' },
    { flags: '--place <number>', description: 'the first that matches counts (default: last)' },
  ],
  examples: [
    `hansa signal rule put '/scene/**' --durable`,
    `hansa signal rule put '/peak/**' --strategy max --ttl 1h --place 0`,
    `hansa signal rule put '/cue/**' --journal 1000`,
  ],
  async run(context) {
    const ttlMs = durationOption(context, 'ttl');
    const data = await deskOf(context).putRule(
      {
        pattern: requiredArgument(context, 'pattern'),
        strategy: textOption(context, 'strategy') as Strategy | undefined,
        ttlSeconds: ttlMs === undefined ? undefined : Math.ceil(ttlMs / secondMs),
        events: textOption(context, 'events') as EventPolicy | undefined,
        durable: flagOption(context, 'durable') ? true : undefined,
        journalEntries: countOption(context, 'journal'),
        journalBytes: countOption(context, 'journal-bytes'),
        place: countOption(context, 'place'),
      },
      { signal: context.signal },
    );
    return {
      data,
      view: textView(`For ${data.pattern}: ${ruleText(data)}.`),
      next: ['hansa signal rule list'],
    };
  },
};

const rules: Command = {
  noun: 'signal',
  verb: 'rule list',
  summary: 'List what holds for which addresses; the first that matches counts.',
  examples: ['hansa signal rule list'],
  async run(context) {
    const data = await deskOf(context).rules({}, { signal: context.signal });
    return {
      data,
      view: {
        kind: 'table',
        columns: ['PLACE', 'PATTERN', 'HOLDS'],
        rows: data.rules.map((rule) => [String(rule.place), rule.pattern, ruleText(rule)]),
        empty: 'No rules: the last write counts, and what nobody reads for an hour is forgotten.',
      },
      next: [`hansa signal rule put '/scene/**' --durable`],
    };
  },
};

const removeRule: Command = {
  noun: 'signal',
  verb: 'rule remove',
  summary: 'Take back what was chosen for a pattern; params stay as they are.',
  args: [{ name: '<pattern>', description: 'as it was put' }],
  examples: [`hansa signal rule remove '/scene/**'`],
  async run(context) {
    const pattern = requiredArgument(context, 'pattern');
    const data = await deskOf(context).removeRule({ pattern }, { signal: context.signal });
    const view = textView(`Took back: ${ruleText(data)}.`);
    return { data, view, next: ['hansa signal rule list'] };
  },
};

function ruleText(rule: PlacedRule): string {
  const { strategy, ttlSeconds, events, durable, journalEntries = 0, journalBytes } = rule;
  const lives = ttlSeconds === 0 ? 'for ever' : `for ${ttlSeconds} s`;
  const words = [
    ...(durable === true ? ['durable'] : []),
    ...(strategy === undefined ? [] : [strategy]),
    ...(ttlSeconds === undefined ? [] : [`lives ${lives}`]),
    ...(events === undefined ? [] : [`events ${events}`]),
    ...(journalEntries === 0 ? [] : [`remembers ${journalEntries}`]),
    ...(journalEntries === 0 || journalBytes === undefined ? [] : [`in ${journalBytes} bytes`]),
  ];
  return words.length === 0 ? 'as everywhere' : words.join(', ');
}

export const deskCommands: readonly Command[] = [status, sessions, end, putRule, rules, removeRule];
