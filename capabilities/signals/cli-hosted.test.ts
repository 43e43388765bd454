import { HansaError } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { commandNamed, runCommand, type CommandRun } from '../../testkit/command-context.ts';
import { signalCommands, type SignalTerminal } from './cli.ts';
import { isAbsent } from './cli-own-router.ts';

const nobody = new HansaError('NODE_UNREACHABLE', 'no node runs there');
const noRouter = new HansaError('DIAL_FAILED', 'no router either');

interface Given {
  readonly answers?: Readonly<Record<string, unknown>>;
  readonly args?: object;
  readonly options?: object;
  readonly open?: SignalTerminal['open'];
}

function run(words: string, given: Given = {}, printed: string[] = []): Promise<CommandRun> {
  const { answers = {}, args = {}, options = {}, open } = given;
  const commands = signalCommands({
    isNamed: ({ url }) => url !== undefined,
    open: open ?? (async () => Promise.reject(noRouter)),
    load: async () => Promise.reject(noRouter),
    print: async (_item, line) => void printed.push(line),
    mark: 'mark',
  });
  const command = commandNamed(commands, `signal ${words}`);
  return runCommand(command, { answers, args: args as never, options: options as never });
}

describe('hansa signal, where no router is named', () => {
  test('asks the cluster’s own by its API', async () => {
    const get = { address: '/a', value: 1, revision: 7 };
    const read = await run('get', { args: { address: '/a' }, answers: { 'signal.get': get } });
    expect(read.output.data).toEqual(get);
    const set = await run('set', {
      args: { address: '/a', value: '2' },
      answers: { 'signal.set': { address: '/a', revision: 8 } },
    });
    expect(set.shown).toBe('/a = 2, revision 8');
    expect(set.calls[0]).toMatchObject(['signal.set', { address: '/a', value: 2 }]);
    const held = run('set', { args: { address: '/a', value: '2' }, options: { lock: true } });
    await expect(held).rejects.toMatchObject({ code: 'USAGE' });
    const told = await run('emit', {
      args: { address: '/go' },
      answers: { 'signal.emit': { address: '/go' } },
    });
    expect(told.calls[0]).toMatchObject(['signal.emit', { address: '/go', type: 'event' }]);
    const printed: string[] = [];
    const news = [
      { kind: 'param', address: '/a', value: 2, revision: 8, stood: true },
      { kind: 'event', address: '/go' },
    ];
    const args = { pattern: '/**' };
    const watched = await run('watch', { args, answers: { 'signal.watch': news } }, printed);
    expect(printed).toEqual(['/a = 2  (revision 8)', '/go event']);
    expect(watched.output.data).toEqual({ shown: 2 });
  });

  test('asks the router of this machine where no node runs, and says which is missing', async () => {
    const asked: unknown[] = [];
    const answers = { 'signal.get': nobody };
    const args = { address: '/a' };
    const client = { get: async () => ({ address: '/a', value: 3, revision: 1 }), close() {} };
    const open = async (door: unknown) => {
      asked.push(door);
      return client as never;
    };
    expect((await run('get', { args, answers, open })).output.data).toMatchObject({ value: 3 });
    expect(asked).toHaveLength(1);
    await expect(run('get', { args, answers })).rejects.toBe(nobody);
    const unknown = new HansaError('CONTEXT_NOT_FOUND', 'no cluster is known');
    const refused = run('get', { args, answers: { 'signal.get': unknown } });
    await expect(refused).rejects.toMatchObject({ code: 'DIAL_FAILED', cause: unknown });
  });

  test('asks nobody else once the node has answered, nor where another one is missing', async () => {
    const forbidden = new HansaError('SIGNAL_FORBIDDEN', 'no right to read this address');
    const args = { address: '/a' };
    const asked = run('get', { args, answers: { 'signal.get': forbidden } });
    await expect(asked).rejects.toBe(forbidden);
    expect(isAbsent(nobody)).toBe(true);
    expect(isAbsent(forbidden)).toBe(false);
    const far = new HansaError('NODE_UNREACHABLE', 'gone', { reportedBy: 'bergen' });
    expect(isAbsent(far)).toBe(false);
  });

  test('asks the one that is named, and no node', async () => {
    const options = { url: 'ws://127.0.0.1:1' };
    const asked = run('get', { args: { address: '/a' }, options });
    await expect(asked).rejects.toBe(noRouter);
  });
});

describe('whoever looks after the router', () => {
  test('sees how it stands, who is there, and ends a session', async () => {
    const counts = { received: 9, sets: 3, publishes: 2, refused: 1, rateLimited: 0 };
    const about = { sessions: 1, params: 4, waiting: 2, rules: 1, tokens: 0, undecodable: 0 };
    const status = { ...counts, ...about };
    const shown = await run('status', { answers: { 'router.status': status } });
    expect(shown.shown).toContain('params: 4, 2 not stored yet');
    expect(shown.shown).toContain('sessions connect: nowhere');
    const session = {
      id: 's-1',
      name: 'desk',
      remote: '127.0.0.1:5',
      subject: 'user:anna',
      sinceMs: 0,
      subscriptions: 2,
      peer: false,
      waitingBytes: 0,
    };
    const sessions = { sessions: [session], more: false };
    const listed = await run('sessions', { answers: { 'router.sessions': sessions } });
    expect(listed.shown).toContain('s-1|desk|user:anna|127.0.0.1:5');
    expect(listed.output.next).toEqual(['hansa signal end s-1']);
    const ended = await run('end', {
      args: { session: 's-1' },
      answers: { 'router.endSession': { id: 's-1' } },
    });
    expect(ended.calls).toEqual([['router.endSession', { id: 's-1' }]]);
  });

  test('puts, lists and takes back rules', async () => {
    const rule = { pattern: '/p/**', strategy: 'max', ttlSeconds: 3_600, durable: true, place: 0 };
    const put = await run('rule put', {
      args: { pattern: '/p/**' },
      options: { durable: true, strategy: 'max', ttl: '1h', place: '0' },
      answers: { 'router.putRule': rule },
    });
    expect(put.calls[0]).toMatchObject(['router.putRule', rule]);
    expect(put.shown).toBe('For /p/**: durable, max, lives for 3600 s.');
    const plain = { pattern: '/q', place: 3 };
    const kept = { pattern: '/r', place: 4, ttlSeconds: 0, events: 'drop' };
    const answers = { 'router.rules': { rules: [rule, plain, kept] } };
    const { shown } = await run('rule list', { answers });
    expect(shown).toContain('3|/q|as everywhere');
    expect(shown).toContain('4|/r|lives for ever, events drop');
    const removed = await run('rule remove', {
      args: { pattern: '/p/**' },
      answers: { 'router.removeRule': rule },
    });
    expect(removed.shown).toContain('Took back: durable');
  });

  test('makes tokens, which are shown once, lists them and takes them back', async () => {
    const row = {
      id: '0123456789abcdef',
      form: 'cap',
      subject: 'desk',
      scopes: ['write:/stage/**'],
      madeMs: 0,
      expiresMs: 86_400_000,
      revoked: false,
    };
    const made = await run('token make', {
      args: { subject: 'desk' },
      options: { scope: ['write:/stage/**'], ttl: '1d', form: 'cap' },
      answers: { 'router.makeToken': { ...row, token: 'cap_text' } },
    });
    expect(made.shown).toContain('cap_text');
    expect(made.calls[0]).toMatchObject(['router.makeToken', { ttlMs: 86_400_000, form: 'cap' }]);
    const tokens = [row, { ...row, revoked: true }];
    const list = await run('token list', {
      answers: { 'router.tokens': { tokens, key: 'ab'.repeat(32) } },
    });
    expect(list.shown).toMatch(/good[^]*revoked[^]*signed by abab/);
    const back = await run('token revoke', {
      args: { id: row.id },
      answers: { 'router.revokeToken': { ...row, revoked: true } },
    });
    expect(back.shown).toBe('Took back the token of desk.');
  });
});
