// `hansa semaphore …`: permits of which there are so many.
import {
  countOption,
  momentText,
  remote,
  requiredArgument,
  requiredOption,
  runHolding,
  textOption,
  textView,
  type Command,
  type CommandContext,
  type ProgramRunner,
} from '@hansa/foundation';
import { askingOf, askingOptions, holdText, tokenOf, wordsOf } from './cli-asking.ts';
import {
  semaphoreContract,
  type Hold,
  type LockToken,
  type Semaphore,
  type Semaphores,
} from './contract.ts';

const nameArgument = { name: '<name>', description: 'what the semaphore is called' };
const tokenOption = {
  flags: '--token <number>',
  description: 'the fencing token that the hold was answered with',
  required: true,
};
const permitOptions = [
  ...askingOptions,
  { flags: '--capacity <count>', description: 'how many permits there are: makes it' },
  { flags: '--permits <count>', description: 'how many to take (default 1)' },
];

export function semaphoreCommands(runner: ProgramRunner): readonly Command[] {
  return [acquireCommand(runner), runCommand(runner), renew, release, resize, show, list, forget];
}

function semaphoresOf({ carrier }: CommandContext): Semaphores {
  return remote(semaphoreContract, carrier);
}

function acquire(context: CommandContext, me: string): Promise<Hold> {
  const asked = {
    ...askingOf(context, me),
    name: requiredArgument(context, 'name'),
    capacity: countOption(context, 'capacity', 1),
    permits: countOption(context, 'permits', 1),
  };
  return semaphoresOf(context).acquire(asked, { signal: context.signal });
}

function acquireCommand({ me }: ProgramRunner): Command {
  return {
    noun: 'semaphore',
    verb: 'acquire',
    summary: 'Acquire permits and print the fencing token.',
    args: [nameArgument],
    options: permitOptions,
    examples: [
      'hansa semaphore acquire builds --capacity 4',
      'hansa semaphore acquire builds --permits 2 --wait 1m',
    ],
    async run(context) {
      const data = await acquire(context, me);
      const [first] = data.locks;
      const each = `${first?.name ?? ''} --token ${first?.token ?? 0}`;
      return {
        data,
        view: textView(holdText(data)),
        next: [`hansa semaphore renew ${each}`, `hansa semaphore release ${each}`],
      };
    },
  };
}

function runCommand(runner: ProgramRunner): Command {
  return {
    noun: 'semaphore',
    verb: 'run',
    summary: 'Hold permits while a program runs; it finds the token in HANSA_SEMAPHORE_TOKEN.',
    args: [nameArgument, { name: '<command...>', description: 'the program, after "--"' }],
    options: permitOptions,
    examples: ['hansa semaphore run builds --capacity 4 -- make'],
    async run(context) {
      const semaphores = semaphoresOf(context);
      const words = wordsOf(context, 'command');
      const hold = await acquire(context, runner.me);
      const name = requiredArgument(context, 'name');
      const token: LockToken = { name, token: hold.locks[0]?.token ?? 0 };
      const sentMs = runner.clock.monotonicMs();
      await semaphores.renew(token);
      const held = {
        hold,
        ttlSeconds: hold.ttlSeconds,
        sentMs,
        env: { HANSA_SEMAPHORE_NAME: name, HANSA_SEMAPHORE_TOKEN: String(token.token) },
        renew: () => semaphores.renew(token),
        release: () => semaphores.release(token),
      };
      return runHolding(context, runner, { words, held });
    },
  };
}

function given(context: CommandContext): LockToken {
  return { name: requiredArgument(context, 'name'), token: tokenOf(context) };
}

const renew: Command = {
  noun: 'semaphore',
  verb: 'renew',
  summary: 'Let permits last for their whole time again.',
  args: [nameArgument],
  options: [tokenOption],
  examples: ['hansa semaphore renew builds --token 7'],
  async run(context) {
    const data = await semaphoresOf(context).renew(given(context), { signal: context.signal });
    return { data, view: textView(`Renewed for ${data.ttlSeconds} s.`) };
  },
};

const release: Command = {
  noun: 'semaphore',
  verb: 'release',
  summary: 'Give permits back.',
  args: [nameArgument],
  options: [tokenOption],
  examples: ['hansa semaphore release builds --token 7'],
  async run(context) {
    const data = await semaphoresOf(context).release(given(context), { signal: context.signal });
    return { data, view: textView(`Released ${data.released.name}.`) };
  },
};

const resize: Command = {
  noun: 'semaphore',
  verb: 'resize',
  summary: 'Change how many permits there are; nobody loses what they hold.',
  args: [nameArgument],
  options: [{ flags: '--capacity <count>', description: 'how many there will be', required: true }],
  examples: ['hansa semaphore resize builds --capacity 8'],
  async run(context) {
    requiredOption(context, 'capacity');
    const capacity = countOption(context, 'capacity', 1) ?? 1;
    const asked = { name: requiredArgument(context, 'name'), capacity };
    const data = await semaphoresOf(context).resize(asked, { signal: context.signal });
    return { data, view: textView(`${data.name} has ${data.capacity} permits.`) };
  },
};

const show: Command = {
  noun: 'semaphore',
  verb: 'show',
  summary: 'Show who holds permits and who waits for some.',
  args: [nameArgument],
  examples: ['hansa semaphore show builds'],
  async run(context) {
    const name = requiredArgument(context, 'name');
    const data = await semaphoresOf(context).show({ name }, { signal: context.signal });
    const rows = [
      ...data.holders.map((each) => ['holds', ...cells(each)]),
      ...data.waiting.map((each) => ['waits', ...cells(each)]),
    ];
    const table = {
      kind: 'table' as const,
      columns: ['', 'HOLDER', 'PERMITS', 'TOKEN', 'SINCE', 'TTL'],
      rows,
      empty: 'Nobody holds a permit.',
    };
    const free = textView(`${data.free} of ${data.capacity} are free.`);
    return { data, view: { kind: 'stack', views: [free, table] } };
  },
};

function cells(each: Semaphore['holders'][number]): readonly string[] {
  const { holder, permits, token, sinceMs, ttlSeconds } = each;
  return [holder, String(permits), String(token), momentText(sinceMs), `${ttlSeconds} s`];
}

const list: Command = {
  noun: 'semaphore',
  verb: 'list',
  summary: 'List semaphores.',
  options: [
    { flags: '--after <name>', description: 'begin behind this name' },
    { flags: '--limit <count>', description: 'names of the page (default 200)' },
  ],
  examples: ['hansa semaphore list'],
  async run(context) {
    const asked = { after: textOption(context, 'after'), limit: countOption(context, 'limit', 1) };
    const data = await semaphoresOf(context).list(asked, { signal: context.signal });
    return {
      data,
      view: {
        kind: 'table',
        columns: ['SEMAPHORE', 'CAPACITY', 'FREE', 'WAITING'],
        rows: data.semaphores.map(({ name, capacity, free, waiting }) => [
          name,
          String(capacity),
          String(free),
          String(waiting.length),
        ]),
        empty: 'There are no semaphores.',
      },
      next: data.next === undefined ? [] : [`hansa semaphore list --after ${data.next}`],
    };
  },
};

const forget: Command = {
  noun: 'semaphore',
  verb: 'forget',
  summary: 'Forget a semaphore that nobody holds or waits for.',
  args: [nameArgument],
  examples: ['hansa semaphore forget builds'],
  async run(context) {
    const name = requiredArgument(context, 'name');
    const data = await semaphoresOf(context).forget({ name }, { signal: context.signal });
    return { data, view: textView(`Forgot ${data.name}.`), next: ['hansa semaphore list'] };
  },
};
