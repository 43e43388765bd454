// `hansa signal replay`: what a journal remembers.
import {
  countOption,
  durationOption,
  HansaError,
  requiredArgument,
  textView,
  type Command,
} from '@hansa/foundation';
import { atRouter, doorOptions } from './cli-door.ts';
import { newsLine, typesOf } from './cli-news.ts';
import type { SignalTerminal } from './cli-terminal.ts';
import { replayedDefault, replayedMax, signalKinds } from './contract.ts';

export function replayCommand(terminal: SignalTerminal): Command {
  return {
    noun: 'signal',
    verb: 'replay',
    summary: 'Show what has passed at matching addresses, where a rule has it remembered.',
    args: [{ name: '<pattern>', description: '* for one segment, ** for any number of them' }],
    options: [
      ...doorOptions,
      { flags: '--since <duration>', description: 'no longer ago than this' },
      { flags: '--types <types>', description: `comma-separated: ${signalKinds.join(', ')}` },
      { flags: '--limit <number>', description: `the oldest so many (default ${replayedDefault})` },
    ],
    examples: [`hansa signal replay '/cue/**'`, `hansa signal replay /cue/go --since 10m`],
    async run(context) {
      const pattern = requiredArgument(context, 'pattern');
      const sinceMs = durationOption(context, 'since');
      const limit = countOption(context, 'limit', 1) ?? replayedDefault;
      if (limit > replayedMax) {
        throw new HansaError('USAGE', `--limit is ${replayedMax} at most`, {
          fix: 'ask for a part of it with --since, or by narrower patterns',
        });
      }
      const asked = {
        pattern,
        types: typesOf(context),
        sinceMs,
        limit,
      };
      const data = await atRouter(context, terminal, (client) => client.replay(asked));
      const lines = data.news.map(newsLine);
      const view = textView(lines.length === 0 ? 'Nothing is remembered.' : lines.join('\n'));
      return { data, view, next: [`hansa signal watch '${pattern}'`] };
    },
  };
}
