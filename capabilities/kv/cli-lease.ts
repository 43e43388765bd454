// `hansa kv lease …`: leases of a space, for keys that go when nobody keeps them.
import {
  durationText,
  momentText,
  parseDuration,
  remote,
  requiredArgument,
  requiredOption,
  requireYes,
  textView,
  type Command,
  type CommandContext,
} from '@hansa/foundation';
import { kvContract, type Kv } from './contract.ts';

const secondMs = 1_000;
const spaceArgument = { name: '<space>', description: 'an own space' };
const leaseArgument = { name: '<lease>', description: 'its id, as it was granted' };

const grant: Command = {
  noun: 'kv',
  verb: 'lease grant',
  summary: 'Grant a lease: keys that are put under it go when it is not kept for its time.',
  args: [spaceArgument],
  options: [{ flags: '--ttl <duration>', description: 'its time, at least 5s', required: true }],
  examples: ['hansa kv lease grant services --ttl 30s'],
  async run(context) {
    const space = requiredArgument(context, 'space');
    const ttlSeconds = Math.ceil(parseDuration(requiredOption(context, 'ttl')) / secondMs);
    const data = await kvOf(context).grantLease({ space, ttlSeconds }, { signal: context.signal });
    return {
      data,
      view: textView(data.lease),
      next: [
        `hansa kv put ${space} <key> <value> --lease ${data.lease}`,
        `hansa kv lease keep ${space} ${data.lease}`,
      ],
    };
  },
};

const keep: Command = {
  noun: 'kv',
  verb: 'lease keep',
  summary: 'Give a lease its whole time again.',
  args: [spaceArgument, leaseArgument],
  examples: ['hansa kv lease keep services 9f86d081884c7d65'],
  async run(context) {
    const data = await kvOf(context).keepLease(named(context), { signal: context.signal });
    const words = `${data.lease} has ${durationText(data.ttlSeconds * secondMs)} again.`;
    return { data, view: textView(words) };
  },
};

const revoke: Command = {
  noun: 'kv',
  verb: 'lease revoke',
  summary: 'End a lease now, with every key under it.',
  args: [spaceArgument, leaseArgument],
  options: [{ flags: '--yes', description: 'end it without being asked' }],
  examples: ['hansa kv lease revoke services 9f86d081884c7d65 --yes'],
  async run(context) {
    const { signal } = context;
    const { space, lease } = named(context);
    await requireYes(context, `End lease ${lease} of ${space}, with every key under it?`);
    const data = await kvOf(context).revokeLease({ space, lease }, { signal });
    return { data, view: textView(`Ended ${lease}; ${data.deleted} key(s) went with it.`) };
  },
};

const show: Command = {
  noun: 'kv',
  verb: 'lease show',
  summary: 'Show how long a lease still has, and the keys under it.',
  args: [spaceArgument, leaseArgument],
  examples: ['hansa kv lease show services 9f86d081884c7d65'],
  async run(context) {
    const data = await kvOf(context).showLease(named(context), { signal: context.signal });
    return {
      data,
      view: {
        kind: 'record',
        fields: [
          ['lease', data.lease],
          ['time', durationText(data.ttlSeconds * secondMs)],
          ['left', durationText(data.leftSeconds * secondMs)],
          ['granted', momentText(data.grantedMs)],
          ['keys', data.keys.join(', ')],
        ],
      },
    };
  },
};

const list: Command = {
  noun: 'kv',
  verb: 'lease list',
  summary: 'List the leases of a space, the oldest first.',
  args: [spaceArgument],
  examples: ['hansa kv lease list services'],
  async run(context) {
    const space = requiredArgument(context, 'space');
    const data = await kvOf(context).leases({ space }, { signal: context.signal });
    return {
      data,
      view: {
        kind: 'table',
        columns: ['LEASE', 'TIME', 'GRANTED'],
        rows: data.leases.map(({ lease, ttlSeconds, grantedMs }) => [
          lease,
          durationText(ttlSeconds * secondMs),
          momentText(grantedMs),
        ]),
        empty: 'No leases.',
      },
    };
  },
};

export const leaseCommands: readonly Command[] = [grant, keep, show, list, revoke];

function named(context: CommandContext): { space: string; lease: string } {
  return { space: requiredArgument(context, 'space'), lease: requiredArgument(context, 'lease') };
}

function kvOf({ carrier }: CommandContext): Kv {
  return remote(kvContract, carrier);
}
