import { HansaError } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { commandNamed, runCommand } from '../../testkit/command-context.ts';
import { reportView, tokensCommands } from './cli.ts';
import type { IssuedToken, ReceivedRow, TokenReport } from './contract.ts';

const jti = 'a'.repeat(22);
const peer = 'b'.repeat(64);
const issued: IssuedToken = {
  token: 'the.whole.token',
  jti,
  audience: [`cluster:${peer}`],
  caps: ['app:ledger'],
  expiresMs: 1_800_000_000_000,
  delegable: true,
};
const link: TokenReport['chain'][number] = {
  jti,
  issuer: `cluster:${peer}`,
  keyIndex: 0,
  subject: 'ada',
  audience: ['bearer'],
  caps: ['api:kv.read'],
  notBeforeMs: 0,
  expiresMs: 1_800_000_000_000,
  depth: 1,
  delegable: false,
  facts: ['proxy'],
};
const received: ReceivedRow = {
  jti,
  issuer: `cluster:${peer}`,
  presentTo: peer as never,
  presentToName: 'bergen',
  caps: ['see:git:**'],
  expiresMs: 1_800_000_000_000,
};

/** As the command line reads it; of files, only one is there. */
const readToken = async (given: string): Promise<string> =>
  given === '@ada.token' ? 'from.a.file' : given.replaceAll(/\s+/g, '');

function command(words: string) {
  return commandNamed(tokensCommands(readToken), `token ${words}`);
}

test('issue asks for what was typed and shows the token once, with how to withdraw it', async () => {
  const { calls, output, shown } = await runCommand(command('issue'), {
    answers: { 'tokens.issue': issued },
    options: {
      audience: ['bergen'],
      cap: ['app:ledger', 'see:git:**'],
      ttl: '2h',
      delegable: true,
      fact: ['proxy'],
    },
  });
  expect(calls).toEqual([
    [
      'tokens.issue',
      {
        audience: ['bergen'],
        caps: ['app:ledger', 'see:git:**'],
        ttlMs: 7_200_000,
        delegable: true,
        facts: ['proxy'],
        subject: undefined,
      },
    ],
  ]);
  expect(shown).toContain('the.whole.token\nIt counts until 2027-01-15 08:00:00 UTC');
  expect(shown).toContain('It is not shown again.');
  expect(output.next?.join()).toContain(`hansa token revoke ${jti}`);
});

test.each<[string, Record<string, string | readonly string[]>, string, object]>([
  ['oneself, here', {}, 'tokens.issueOwn', {}],
  [
    'oneself, at a key of one’s own',
    { at: ['bergen', 'visby'], audience: [`key:${peer}`] },
    'tokens.issueOwn',
    { at: ['bergen', 'visby'], audience: [`key:${peer}`] },
  ],
  [
    'a service account',
    { for: 'service:ci', at: ['bergen'], cap: ['api:kv.read'], ttl: '30d' },
    'tokens.issue',
    { for: 'service:ci', at: ['bergen'], caps: ['api:kv.read'], ttlMs: 2_592_000_000 },
  ],
  ['holders alone', { audience: ['bearer'] }, 'tokens.issue', { audience: ['bearer'] }],
])('issue for %s asks for that', async (_, options, method, asked) => {
  const answers = { [method]: { ...issued, speaksFor: 'user:anna' } };
  const { calls, shown, output } = await runCommand(command('issue'), { answers, options });
  expect(calls).toMatchObject([[method, asked]]);
  expect(shown).toContain('It speaks for user:anna.');
  expect(output.next?.some((line) => line.includes('--mine'))).toBe(method.endsWith('Own'));
});

test('of one’s own tokens there is a list, and an end', async () => {
  const answers = {
    'tokens.own': { tokens: [], more: false },
    'tokens.revokeOwn': { jti, revokedMs: 0, untilMs: 1, issuedHere: true, alsoRevoked: [] },
  };
  const options = { mine: true };
  const listed = await runCommand(command('list'), { answers, options });
  expect(listed.calls).toEqual([['tokens.own', { after: undefined }]]);
  const line = { answers, options, args: { id: jti } };
  await expect(runCommand(command('revoke'), line)).rejects.toMatchObject({
    code: 'NOT_CONFIRMED',
  });
  const ended = await runCommand(command('revoke'), { ...line, confirm: true });
  expect(ended.calls).toEqual([['tokens.revokeOwn', { jti }]]);
  expect(ended.shown).toContain('Linked clusters hear of it');
});

test('keys shows each with the id that tokens name', async () => {
  const key = { kty: 'OKP', crv: 'Ed25519', alg: 'EdDSA', use: 'sig', kid: 'cluster:1#0', x: 'eA' };
  const { shown } = await runCommand(command('keys'), {
    answers: { 'tokens.keys': { keys: [key] } },
  });
  expect(shown).toContain('cluster:1#0');
});

test('a report says whom a token speaks for, and where', () => {
  const clusters = [{ cluster: peer as never, name: 'bergen' }, { cluster: jti as never }];
  const said = { chain: [link], usable: true, speaksFor: 'user:anna' as never, clusters };
  expect(JSON.stringify(reportView(said))).toContain(
    `It speaks for user:anna, at bergen, cluster:${jti}.`,
  );
});

test('issue for longer than a month asks nobody', async () => {
  const calls: (readonly [string, unknown])[] = [];
  const line = { answers: {}, options: { audience: ['x'], cap: ['app:a'], ttl: '31d' } };
  await expect(runCommand(command('issue'), line, calls)).rejects.toMatchObject({
    code: 'INPUT_INVALID',
  });
  expect(calls).toEqual([]);
});

test.each<[string, object, object, string]>([
  [
    'list',
    {
      'tokens.list': {
        tokens: [{ ...issued, subject: 'ada', issuedMs: 0, revoked: true }],
        more: true,
      },
    },
    {},
    `STATE\n${jti}|ada|cluster:${peer}|app:ledger|2027-01-15 08:00:00 UTC|revoked`,
  ],
  ['list', { 'tokens.list': { tokens: [], more: false } }, {}, 'no token is out'],
  [
    'revoke',
    { 'tokens.revoke': { jti, revokedMs: 0, untilMs: 1, issuedHere: true, alsoRevoked: [jti] } },
    { id: jti },
    `Revoked ${jti}: it counts no more here, nor does what descends from it. So are 1`,
  ],
  [
    'revoke',
    { 'tokens.revoke': { jti, revokedMs: 0, untilMs: 1, issuedHere: false, alsoRevoked: [] } },
    { id: jti },
    `Revoked ${jti}; no token of that id was issued here.`,
  ],
  ['revocations', { 'tokens.revocations': { revocations: [] } }, {}, 'nothing is revoked'],
  ['add', { 'tokens.add': received }, { token: 'a.\n b' }, 'it is shown to bergen'],
  [
    'received',
    {
      'tokens.received': {
        tokens: [
          { ...received, taken: true },
          { ...received, taken: false, problem: { code: 'TOKEN_REVOKED', message: 'x' } },
          received,
        ],
      },
    },
    {},
    'taken',
  ],
  ['forget', { 'tokens.forget': { jti } }, { id: jti }, `Forgot ${jti}.`],
  [
    'dishonour',
    { 'tokens.dishonour': { cluster: peer } },
    { peer: 'bergen' },
    'count here no more',
  ],
  ['honoured', { 'tokens.honoured': { clusters: [] } }, {}, 'only tokens issued here count'],
  [
    'check',
    { 'tokens.check': { chain: [link], usable: true } },
    { token: 'a.b.c' },
    'It would be taken now.',
  ],
  [
    'check',
    { 'tokens.check': { chain: [link], usable: true, tolerated: true } },
    { token: 'a.b.c' },
    'its time is over or has not begun: clocks may differ by 1 minute.',
  ],
])('%s tells what came of it', async (words, answers, args, told) => {
  const { shown } = await runCommand(command(words), { answers, args, confirm: true } as never);
  expect(shown).toContain(told);
});

test.each(['check', 'add'])('%s reads a token from a file as inspect does', async (words) => {
  const answers = { 'tokens.check': { chain: [link], usable: true }, 'tokens.add': received };
  const { calls } = await runCommand(command(words), { answers, args: { token: '@ada.token' } });
  expect(calls[0]?.[1]).toMatchObject({ token: 'from.a.file' });
});

test('a report shows every token of the chain, and the problem with its code', async () => {
  const answers = {
    'tokens.check': {
      chain: [link],
      usable: false,
      problem: { code: 'TOKEN_REVOKED', message: 'it was revoked' },
    },
  };
  const { shown } = await runCommand(command('check'), { answers, args: { token: 'a.b.c' } });
  expect(shown).toContain('TOKEN_REVOKED: it was revoked');
  for (const line of [
    'subject: ada',
    'scopes: api:kv.read',
    'delegated: 1 times',
    'facts: proxy',
  ]) {
    expect(shown).toContain(line);
  }
  expect(reportView({ chain: [], usable: true })).toMatchObject({ kind: 'stack' });
});

test('honour asks before it lets another cluster’s tokens count', async () => {
  const honoured = { cluster: peer, name: 'bergen', caps: ['app:ledger'] };
  const line = {
    answers: { 'tokens.honour': honoured },
    args: { peer: 'bergen' },
    options: { cap: ['app:ledger'] },
  };
  const calls: (readonly [string, unknown])[] = [];
  await expect(runCommand(command('honour'), line, calls)).rejects.toMatchObject({
    code: 'NOT_CONFIRMED',
  });
  expect(calls).toEqual([]);
  const { shown, questions } = await runCommand(command('honour'), { ...line, confirm: true });
  expect(questions).toEqual(['Let tokens issued by bergen allow app:ledger here?']);
  expect(shown).toContain('Tokens of bergen count here, within app:ledger.');
});

test('delegate names the received token; a refusal passes as it is', async () => {
  const options = { audience: ['riga'], cap: ['see:git:a'], ttl: '1h' };
  const made = await runCommand(command('delegate'), {
    answers: { 'tokens.delegate': issued },
    args: { id: jti },
    options,
  });
  expect(made.calls).toMatchObject([['tokens.delegate', { jti, audience: ['riga'] }]]);
  const refusal = new HansaError('TOKEN_WIDENED', 'too wide');
  const line = { answers: { 'tokens.delegate': refusal }, args: { id: jti }, options };
  await expect(runCommand(command('delegate'), line)).rejects.toBe(refusal);
});
