// `hansa kv watch`: every change as it comes, until interrupted.
import {
  countOption,
  flagOption,
  remote,
  requiredArgument,
  showWatch,
  textOption,
  type Command,
} from '@hansa/foundation';
import type { KvTerminal } from './cli-terminal.ts';
import { preview } from './cli-values.ts';
import { kvContract, type KvChange, type KvEvent } from './contract.ts';

export function watchCommand(terminal: KvTerminal): Command {
  return {
    noun: 'kv',
    verb: 'watch',
    summary: 'Show every change of a space as it comes, each once, until interrupted.',
    args: [{ name: '<space>', description: 'a name, or <peer>:<name> for a mirror' }],
    options: [
      { flags: '--key <key>', description: 'of this key alone' },
      { flags: '--prefix <text>', description: 'of keys that begin so' },
      { flags: '--from <revision>', description: 'begin after this revision (default: now)' },
      { flags: '--prev', description: 'with what stood there before; of own spaces' },
    ],
    examples: ['hansa kv watch config', 'hansa -o json kv watch lubeck:config --from 1041'],
    async run(context) {
      const space = requiredArgument(context, 'space');
      const key = textOption(context, 'key');
      const prefix = textOption(context, 'prefix');
      const asked = {
        space,
        ...(key === undefined ? {} : { key }),
        ...(prefix === undefined ? {} : { prefix }),
        ...(flagOption(context, 'prev') ? { prev: true } : {}),
      };
      const kv = remote(kvContract, context.carrier);
      const { signal } = context;
      const from = countOption(context, 'from');
      // From a revision always: after a break it goes on there, and misses nothing.
      let seen = from ?? (await kv.list({ space, limit: 1 }, { signal })).revision;
      return showWatch(context, {
        open: () => kv.watch({ ...asked, from: seen }, { signal }),
        async show(change) {
          await terminal.print(change, changeLines(change));
          seen = change.revision;
        },
      });
    },
  };
}

function changeLines({ revision, events }: KvChange): string {
  return events.map((event) => `${revision}  ${eventText(event)}`).join('\n');
}

function eventText(event: KvEvent): string {
  const { prev } = event;
  const before = prev === undefined ? '' : prev === null ? ' (new)' : ` (was ${preview(prev)})`;
  return event.type === 'delete'
    ? `delete ${event.key}${before}`
    : `put ${event.key} ${preview(event)}${before}`;
}
