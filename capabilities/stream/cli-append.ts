// `hansa stream append`: one message of the command line, or every line of standard input.
import {
  HansaError,
  remote,
  requiredArgument,
  flagOption,
  labelOption,
  textOption,
  utf8,
  type Command,
} from '@hansa/foundation';
import type { StreamTerminal } from './cli-terminal.ts';
import {
  batchBytesMax,
  batchMessagesMax,
  streamContract,
  type NewMessage,
  type Streams,
} from './contract.ts';

export function appendCommand(terminal: StreamTerminal): Command {
  return {
    noun: 'stream',
    verb: 'append',
    summary: 'Append a message, or with --lines every line of standard input.',
    args: [
      { name: '<stream>', description: 'an own stream' },
      { name: '[text]', description: 'the message' },
    ],
    options: [
      { flags: '--lines', description: 'read messages from standard input, one per line' },
      { flags: '--header <key=value...>', description: 'sent with each message; repeatable' },
      { flags: '--id <id>', description: 'the same id is appended once within two minutes' },
    ],
    examples: [
      'hansa stream append orders "one herring" --header to=bergen --id order-17',
      'hansa stream append orders --lines < orders.txt',
    ],
    async run(context) {
      const streams = remote(streamContract, context.carrier);
      const stream = requiredArgument(context, 'stream');
      const { text } = context.args;
      const headers = labelOption(
        { args: {}, options: { label: context.options['header'] } },
        'label',
      );
      const id = textOption(context, 'id');
      const lines = flagOption(context, 'lines');
      if (lines === (text !== undefined) || (lines && id !== undefined)) {
        throw new HansaError('USAGE', 'either a text, with or without --id, or --lines', {
          fix: 'hansa stream append <stream> "text"; hansa stream append <stream> --lines < file',
        });
      }
      const message = { ...(headers && { headers }), ...(id && { id }) };
      const { signal } = context;
      if (text !== undefined) {
        const data = await streams.append(
          { stream, messages: [{ ...message, payload: text }] },
          { signal },
        );
        const again = data.duplicates > 0 ? ', where it was already' : '';
        return { data, view: { kind: 'text', text: `Message ${data.sequences[0]}${again}.` } };
      }
      const data = await appendLines(streams, stream, {
        lines: terminal.lines(),
        message,
        signal,
        told: (count) => context.progress(`${count} messages are on disk`),
      });
      const words = data.appended === 0 ? 'Nothing came.' : `Appended ${data.appended} message(s).`;
      return { data, view: { kind: 'text', text: words }, next: [`hansa stream info ${stream}`] };
    },
  };
}

interface Appending {
  readonly lines: AsyncIterable<readonly string[]>;
  readonly message: Omit<NewMessage, 'payload'>;
  readonly signal: AbortSignal;
  told(count: number): void;
}

async function appendLines(
  streams: Streams,
  stream: string,
  { lines, message, signal, told }: Appending,
): Promise<{ appended: number; first?: number; last?: number }> {
  let appended = 0;
  let first: number | undefined;
  let last: number | undefined;
  for await (const some of lines) {
    for (const batch of batchesOf(some)) {
      const messages = batch.map((payload) => ({ ...message, payload }));
      const { sequences } = await streams.append({ stream, messages }, { signal });
      appended += sequences.length;
      first ??= sequences[0];
      last = sequences.at(-1);
    }
    told(appended);
  }
  return { appended, ...(first && { first }), ...(last && { last }) };
}

/** Lines in their order, as many together as one change takes. */
function batchesOf(lines: readonly string[]): readonly (readonly string[])[] {
  const batches: string[][] = [];
  let bytes = 0;
  for (const line of lines) {
    const size = utf8(line).length;
    const batch = batches.at(-1);
    if (batch === undefined || batch.length >= batchMessagesMax || bytes + size > roomForLines) {
      batches.push([line]);
      bytes = size;
    } else {
      batch.push(line);
      bytes += size;
    }
  }
  return batches;
}

const roomForLines: number = batchBytesMax / 2; // the other half is for the headers of forty lines
