// `hansa stream consume`: one page, or with --follow everything from there on as it comes.
import {
  countOption,
  flagOption,
  HansaError,
  momentText,
  remote,
  requiredArgument,
  textOption,
  textView,
  type Command,
  type CommandContext,
  type CommandOutput,
} from '@hansa/foundation';
import type { StreamTerminal } from './cli-terminal.ts';
import { streamContract, type Message, type Streams } from './contract.ts';

const previewLength = 120; // one line of a table; -o json has the whole

interface Asked {
  readonly stream: string;
  readonly from?: number | undefined;
  readonly last?: number | undefined;
  readonly consumer?: string | undefined;
}

export function consumeCommand(terminal: StreamTerminal): Command {
  return {
    noun: 'stream',
    verb: 'consume',
    summary: 'Read messages in their order: a page, or with --follow what comes as well.',
    args: [{ name: '<stream>', description: 'a name, or <peer>:<name> for a mirror' }],
    options: [
      { flags: '--from <sequence>', description: 'begin here (default: the oldest kept)' },
      { flags: '--last <count>', description: 'begin with the last so many' },
      { flags: '--consumer <name>', description: 'begin after what this consumer acknowledged' },
      { flags: '--ack', description: 'acknowledge as the consumer what is shown' },
      { flags: '--limit <count>', description: 'messages of the page (default 100)' },
      { flags: '--follow', description: 'go on with what comes, until interrupted' },
    ],
    examples: [
      'hansa stream consume orders --last 10',
      'hansa -o json stream consume lubeck:orders --consumer billing --ack --follow',
    ],
    async run(context) {
      const asked: Asked = {
        stream: requiredArgument(context, 'stream'),
        from: countOption(context, 'from', 1),
        last: countOption(context, 'last', 1),
        consumer: textOption(context, 'consumer'),
      };
      if (flagOption(context, 'ack') && asked.consumer === undefined) {
        throw new HansaError('USAGE', '--ack needs --consumer <name>: whose place is noted?');
      }
      const streams = remote(streamContract, context.carrier);
      return flagOption(context, 'follow')
        ? follow(context, streams, { asked, terminal })
        : page(context, streams, asked);
    },
  };
}

async function page(
  context: CommandContext,
  streams: Streams,
  asked: Asked,
): Promise<CommandOutput> {
  const { signal } = context;
  const limit = countOption(context, 'limit', 1);
  const data = await streams.read({ ...asked, limit }, { signal });
  const last = data.messages.at(-1);
  if (last !== undefined) {
    await acknowledge(context, streams, { asked, last });
  }
  const { stream } = asked;
  return {
    data,
    view: {
      kind: 'stack',
      views: [
        {
          kind: 'table',
          columns: ['SEQUENCE', 'TAKEN', 'MESSAGE'],
          rows: data.messages.map((each) => [
            String(each.sequence),
            momentText(each.atMs),
            preview(each),
          ]),
          empty: data.last === 0 ? 'Nothing was appended yet.' : 'Nothing more for now.',
        },
        ...(data.missed === 0
          ? []
          : [{ kind: 'text' as const, text: `${data.missed} message(s) were deleted before.` }]),
      ],
    },
    next: [
      data.next <= data.last
        ? `hansa stream consume ${stream} --from ${data.next}`
        : `hansa stream consume ${stream} --from ${data.next} --follow`,
    ],
  };
}

/** Shown first, acknowledged then: what was interrupted between comes again. */
async function follow(
  context: CommandContext,
  streams: Streams,
  given: { readonly asked: Asked; readonly terminal: StreamTerminal },
): Promise<CommandOutput> {
  const { asked, terminal } = given;
  const { signal } = context;
  let shown = 0;
  for await (const message of streams.consume(asked, { signal })) {
    await terminal.print(message, `${message.sequence}  ${preview(message)}`);
    await acknowledge(context, streams, { asked, last: message });
    shown += 1;
  }
  return { data: { shown }, view: textView(`The stream ended after ${shown}.`), asLine: true };
}

async function acknowledge(
  context: CommandContext,
  streams: Streams,
  given: { readonly asked: Asked; readonly last: Message },
): Promise<void> {
  const { stream, consumer } = given.asked;
  if (consumer !== undefined && flagOption(context, 'ack')) {
    const { sequence } = given.last;
    await streams.ack({ stream, consumer, sequence }, { signal: context.signal });
  }
}

function preview({ payload, encoding, headers }: Message): string {
  const said = Object.entries(headers).map(([name, value]) => `[${name}=${value}] `);
  const whole = encoding === 'text' ? payload : `base64url ${payload}`;
  const cut = whole.length > previewLength ? `${whole.slice(0, previewLength)}…` : whole;
  return `${said.join('')}${cut}`;
}
