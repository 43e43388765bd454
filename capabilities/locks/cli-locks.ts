// `hansa lock …`: acquiring, running under a lock, and looking at who holds.
import {
  countOption,
  flagOption,
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
import { askingOf, askingOptions, holdText, tokenOf, wordsOf } from './cli-asking.ts';
import { lockContract, type Hold, type Lock, type Locks, type LockToken } from './contract.ts';

export interface LockTerminal extends ProgramRunner {
  print(item: unknown, line: string): Promise<void>;
}

const nameArgument = { name: '<name>', description: 'what the lock is called' };
const namesArgument = { name: '<name...>', description: 'one lock, or several: all or none' };
const tokenOption = {
  flags: '--token <number>',
  description: 'the fencing token that the hold was answered with',
  required: true,
};
const sharedOption = {
  flags: '--shared',
  description: 'beside other shared holders; exclusive ones wait for all of them, and come first',
};

export function lockCommands(terminal: LockTerminal): readonly Command[] {
  return [
    acquireCommand(terminal),
    runCommand(terminal),
    renew,
    release,
    downgrade,
    show,
    list,
    watchCommand(terminal),
    forget,
  ];
}

function locksOf({ carrier }: CommandContext): Locks {
  return remote(lockContract, carrier);
}

function acquireCommand({ me }: LockTerminal): Command {
  return {
    noun: 'lock',
    verb: 'acquire',
    summary: 'Acquire a lock, or several at once, and print the fencing token.',
    args: [namesArgument],
    options: [...askingOptions, sharedOption],
    examples: [
      'hansa lock acquire deploy --ttl 30s --wait 10s',
      'hansa lock acquire stock/herring stock/cod --holder billing-7',
    ],
    async run(context) {
      const data = await locksOf(context).acquire(
        {
          ...askingOf(context, me),
          names: wordsOf(context, 'name'),
          shared: flagOption(context, 'shared'),
        },
        { signal: context.signal },
      );
      const [first] = data.locks;
      const each = `${first?.name ?? ''} --token ${first?.token ?? 0}`;
      return {
        data,
        view: textView(holdText(data)),
        next: [`hansa lock renew ${each}`, `hansa lock release ${each}`],
      };
    },
  };
}

function runCommand(terminal: LockTerminal): Command {
  return {
    noun: 'lock',
    verb: 'run',
    summary: 'Hold a lock while a program runs; it finds the token in HANSA_LOCK_TOKEN.',
    args: [nameArgument, { name: '<command...>', description: 'the program, after "--"' }],
    options: [
      ...askingOptions,
      sharedOption,
      { flags: '--also <name...>', description: 'another lock of the set; repeatable' },
    ],
    examples: [
      'hansa lock run deploy -- ./deploy.sh',
      'hansa lock run stock --shared --wait 1m -- ./report.sh --all',
    ],
    async run(context) {
      const { clock, me } = terminal;
      const locks = locksOf(context);
      const words = wordsOf(context, 'command');
      const more = context.options['also'];
      const names = [requiredArgument(context, 'name'), ...(Array.isArray(more) ? more : [])];
      const { signal } = context;
      const shared = flagOption(context, 'shared');
      const hold = await locks.acquire({ ...askingOf(context, me), names, shared }, { signal });
      // How long the answer was on its way is not known; of a renewal it is.
      const sentMs = clock.monotonicMs();
      await locks.renew({ locks: hold.locks });
      const held = {
        hold,
        ttlSeconds: hold.ttlSeconds,
        sentMs,
        env: environmentOf(hold),
        renew: () => locks.renew({ locks: hold.locks }),
        release: () => locks.release({ locks: hold.locks }),
      };
      return runHolding(context, terminal, { words, held });
    },
  };
}

function environmentOf({ holder, locks }: Hold): Record<string, string> {
  const [first] = locks;
  return {
    HANSA_LOCK_NAME: first?.name ?? '',
    HANSA_LOCK_TOKEN: String(first?.token ?? ''),
    HANSA_LOCK_TOKENS: locks.map(({ name, token }) => `${name}=${token}`).join(' '),
    HANSA_LOCK_HOLDER: holder,
  };
}

function given(context: CommandContext): LockToken {
  return { name: requiredArgument(context, 'name'), token: tokenOf(context) };
}

const renew: Command = {
  noun: 'lock',
  verb: 'renew',
  summary: 'Let a hold last for its whole time again; of a set, any lock stands for all.',
  args: [nameArgument],
  options: [tokenOption],
  examples: ['hansa lock renew deploy --token 7'],
  async run(context) {
    const { signal } = context;
    const data = await locksOf(context).renew({ locks: [given(context)] }, { signal });
    return { data, view: textView(`Renewed for ${data.ttlSeconds} s.`) };
  },
};

const release: Command = {
  noun: 'lock',
  verb: 'release',
  summary: 'Give a lock back; of a set, any lock stands for all.',
  args: [nameArgument],
  options: [tokenOption],
  examples: ['hansa lock release deploy --token 7'],
  async run(context) {
    const { signal } = context;
    const data = await locksOf(context).release({ locks: [given(context)] }, { signal });
    const names = data.released.map(({ name }) => name).join(', ');
    return { data, view: textView(`Released ${names}.`) };
  },
};

const downgrade: Command = {
  noun: 'lock',
  verb: 'downgrade',
  summary: 'Make an exclusive hold a shared one, under the same token.',
  args: [nameArgument],
  options: [tokenOption],
  examples: ['hansa lock downgrade stock --token 7'],
  async run(context) {
    const data = await locksOf(context).downgrade(given(context), { signal: context.signal });
    return { data, view: textView(`${data.name} is shared now.`) };
  },
};

const show: Command = {
  noun: 'lock',
  verb: 'show',
  summary: 'Show who holds a lock and who waits for it.',
  args: [nameArgument],
  examples: ['hansa lock show deploy'],
  async run(context) {
    const name = requiredArgument(context, 'name');
    const data = await locksOf(context).show({ name }, { signal: context.signal });
    const rows = [
      ...data.holders.map((each) => ['holds', ...cells(each)]),
      ...data.waiting.map((each) => ['waits', ...cells(each)]),
    ];
    return {
      data,
      view: {
        kind: 'table',
        columns: ['', 'HOLDER', 'TOKEN', 'MODE', 'SINCE', 'TTL'],
        rows,
        empty: `Nobody holds ${name}; the last token was ${data.lastToken}.`,
      },
    };
  },
};

function cells(each: Lock['holders'][number]): readonly string[] {
  const mode = each.shared ? 'shared' : 'exclusive';
  return [each.holder, String(each.token), mode, momentText(each.sinceMs), `${each.ttlSeconds} s`];
}

const list: Command = {
  noun: 'lock',
  verb: 'list',
  summary: 'List the names that were ever locked.',
  options: [
    { flags: '--after <name>', description: 'begin behind this name' },
    { flags: '--limit <count>', description: 'names of the page (default 200)' },
  ],
  examples: ['hansa lock list'],
  async run(context) {
    const asked = { after: textOption(context, 'after'), limit: countOption(context, 'limit', 1) };
    const data = await locksOf(context).list(asked, { signal: context.signal });
    return {
      data,
      view: {
        kind: 'table',
        columns: ['LOCK', 'HELD BY', 'WAITING', 'LAST TOKEN'],
        rows: data.locks.map(({ name, holders, waiting, lastToken }) => [
          name,
          holders.map(({ holder }) => holder).join(', '),
          String(waiting.length),
          String(lastToken),
        ]),
        empty: 'Nothing was ever locked.',
      },
      next: data.next === undefined ? [] : [`hansa lock list --after ${data.next}`],
    };
  },
};

function watchCommand({ print }: LockTerminal): Command {
  return {
    noun: 'lock',
    verb: 'watch',
    summary: 'Show who holds a lock whenever that changes, until interrupted.',
    args: [nameArgument],
    examples: ['hansa lock watch deploy'],
    async run(context) {
      const name = requiredArgument(context, 'name');
      return showWatch(context, {
        open: () => locksOf(context).watch({ name }, { signal: context.signal }),
        async show(lock) {
          const holders = lock.holders.map(({ holder, token }) => `${holder} (token ${token})`);
          const waiting = lock.waiting.length === 0 ? '' : `, ${lock.waiting.length} wait`;
          const held = holders.length === 0 ? 'free' : `held by ${holders.join(', ')}`;
          await print(lock, `${lock.name} is ${held}${waiting}`);
        },
      });
    },
  };
}

const forget: Command = {
  noun: 'lock',
  verb: 'forget',
  summary: 'Forget a name that nobody holds or waits for; its tokens still only rise.',
  args: [nameArgument],
  examples: ['hansa lock forget deploy'],
  async run(context) {
    const name = requiredArgument(context, 'name');
    const data = await locksOf(context).forget({ name }, { signal: context.signal });
    return { data, view: textView(`Forgot ${data.name}.`), next: ['hansa lock list'] };
  },
};
