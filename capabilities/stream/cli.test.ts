import { describe, expect, test } from 'vitest';
import { commandNamed, runCommand } from '../../testkit/command-context.ts';
import { streamCommands } from './cli.ts';
import { batchMessagesMax, type Stream } from './contract.ts';
import { defaultLimits } from './sources.ts';

const resource = `${'a'.repeat(64)}:stream/orders`;
const orders: Stream = {
  resource: resource as Stream['resource'],
  name: 'orders',
  role: 'own',
  ownerName: 'lubeck',
  description: 'what people want',
  labels: {},
  epoch: 1,
  first: 1,
  last: 2,
  bytes: 2_048,
  lastMs: 0,
  limits: defaultLimits,
};
const mirror: Stream = { ...orders, role: 'mirror', name: 'letters', ownerName: 'bergen' };
const message = { sequence: 7, atMs: 0, payload: 'hi', encoding: 'text', headers: { to: 'ada' } };

function made(lines: readonly (readonly string[])[] = []) {
  const printed: string[] = [];
  const commands = streamCommands({
    async *lines() {
      yield* lines;
    },
    async print(item, line) {
      printed.push(line, JSON.stringify(item));
    },
  });
  return { printed, command: (words: string) => commandNamed(commands, words) };
}

describe('hansa stream', () => {
  test('create says what was made and how to go on', async () => {
    const { command } = made();
    const run = await runCommand(command('stream create'), {
      answers: { 'stream.create': orders },
      args: { name: 'orders' },
      options: { maxAge: '1d', maxMessages: '10' },
    });
    const limits = { maxAgeMs: 86_400_000, maxBytes: undefined, maxMessages: 10 };
    expect(run.calls).toMatchObject([['stream.create', { name: 'orders', limits }]]);
    expect(run.output.next?.[0]).toBe('hansa stream append orders hello');
  });

  test('list spells mirrors as every command takes them', async () => {
    const answers = { 'stream.list': { streams: [orders, mirror] } };
    const { shown } = await runCommand(made().command('stream list'), { answers });
    expect(shown).toContain('orders|own|1|2|2.0 KiB|what people want');
    expect(shown).toContain('bergen:letters|mirror');
  });

  test('info shows where it stands and who reads it', async () => {
    const consumers = [{ consumer: 'billing', acked: 1, pending: 1, updatedMs: 0 }];
    const answers = { 'stream.show': { ...orders, consumers } };
    const line = { answers, args: { stream: 'orders' } };
    const { shown } = await runCommand(made().command('stream info'), line);
    expect(shown).toContain('messages: 1 to 2');
    expect(shown).toContain('keeps: 7 days, 256.0 MiB, 100000 messages');
    expect(shown).toContain('billing|1|1|');
  });

  test('append takes a text, with headers and an id', async () => {
    const run = await runCommand(made().command('stream append'), {
      answers: { 'stream.append': { sequences: [3], duplicates: 1 } },
      args: { stream: 'orders', text: 'herring' },
      options: { header: ['to=bergen'], id: 'order-17' },
    });
    const messages = [{ payload: 'herring', headers: { to: 'bergen' }, id: 'order-17' }];
    expect(run.calls).toEqual([['stream.append', { stream: 'orders', messages }]]);
    expect(run.shown).toBe('Message 3, where it was already.');
  });

  test('append --lines sends lines in their order, as many at once as a batch takes', async () => {
    const lines = Array.from({ length: batchMessagesMax + 1 }, (_, at) => `line ${at}`);
    const run = await runCommand(made([lines, ['last']]).command('stream append'), {
      answers: { 'stream.append': { sequences: [1], duplicates: 0 } },
      args: { stream: 'orders' },
      options: { lines: true },
    });
    const sent = run.calls.map(([, input]) => (input as { messages: unknown[] }).messages.length);
    expect(sent).toEqual([batchMessagesMax, 1, 1]);
    expect(run.shown).toBe('Appended 3 message(s).');
  });

  test.each([
    ['neither text nor --lines', {}, {}],
    ['both', { text: 'x' }, { lines: true }],
    ['one id for many lines', {}, { lines: true, id: 'x' }],
  ])('append with %s is a mistake of use', async (_, args, options) => {
    const line = { answers: {}, args: { stream: 'orders', ...args }, options };
    const run = runCommand(made().command('stream append'), line);
    await expect(run).rejects.toMatchObject({ code: 'USAGE' });
  });

  test('consume shows a page, acknowledges it where asked, and says where to go on', async () => {
    const page = { epoch: 1, messages: [message], first: 7, last: 9, next: 8, missed: 6 };
    const run = await runCommand(made().command('stream consume'), {
      answers: {
        'stream.read': page,
        'stream.ack': { ...page, consumer: 'b', acked: 7, pending: 2, updatedMs: 0 },
      },
      args: { stream: 'orders' },
      options: { consumer: 'b', ack: true, limit: '1' },
    });
    expect(run.calls).toEqual([
      ['stream.read', { stream: 'orders', consumer: 'b', limit: 1 }],
      ['stream.ack', { stream: 'orders', consumer: 'b', sequence: 7 }],
    ]);
    expect(run.shown).toContain('[to=ada] hi');
    expect(run.shown).toContain('6 message(s) were deleted before.');
    expect(run.output.next).toEqual(['hansa stream consume orders --from 8']);
  });

  test('consume --follow prints each message, then acknowledges it', async () => {
    const { command, printed } = made();
    const run = await runCommand(command('stream consume'), {
      answers: {
        'stream.consume': [message],
        'stream.ack': { consumer: 'b', acked: 7, pending: 0, updatedMs: 0 },
      },
      args: { stream: 'orders' },
      options: { follow: true, consumer: 'b', ack: true },
    });
    expect(printed).toEqual(['7  [to=ada] hi', JSON.stringify(message)]);
    expect(run.calls.map(([method]) => method)).toEqual(['stream.consume', 'stream.ack']);
  });

  test.each([
    [{ ack: true }, 'USAGE'],
    [{ from: '0' }, 'USAGE'],
    [{ last: 'x' }, 'USAGE'],
  ])('consume with %j is a mistake of use', async (options, code) => {
    const line = { answers: {}, args: { stream: 'orders' }, options };
    await expect(runCommand(made().command('stream consume'), line)).rejects.toMatchObject({
      code,
    });
  });

  test.each(['stream delete', 'stream trim', 'stream forget'])('%s asks first', async (words) => {
    const answers = { 'stream.show': { ...orders, consumers: [] } };
    const options = { before: '2', consumer: 'b' };
    const calls: (readonly [string, unknown])[] = [];
    const line = { answers, args: { stream: 'orders' }, options };
    const run = runCommand(made().command(words), line, calls);
    await expect(run).rejects.toMatchObject({ code: 'NOT_CONFIRMED' });
    expect(calls.every(([method]) => method === 'stream.show')).toBe(true);
  });

  test('with --yes they act', async () => {
    const options = { yes: true, before: '2', consumer: 'b' };
    const consumer = { consumer: 'b', acked: 2, pending: 0, updatedMs: 0 };
    const answers = {
      'stream.show': { ...orders, consumers: [] },
      'stream.delete': orders,
      'stream.trim': { ...orders, first: 2 },
      'stream.forget': consumer,
    };
    const line = { answers, args: { stream: 'orders' }, options };
    const shown = async (words: string): Promise<string> =>
      (await runCommand(made().command(words), line)).shown;
    await expect(shown('stream delete')).resolves.toBe('Deleted orders.');
    await expect(shown('stream trim')).resolves.toBe('orders begins at 2.');
    await expect(shown('stream forget')).resolves.toContain('acknowledged 2');
  });
});
