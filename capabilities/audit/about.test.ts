// What acts of administration say of whom they were about: names and ids, and no secret that came
// with the same input.
import type { AnyContract } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { accessContract } from '../access/contract.ts';
import { certificatesContract } from '../certificates/contract.ts';
import { directoryContract } from '../directory/contract.ts';
import { linksContract } from '../links/contract.ts';
import { loginsContract } from '../logins/contract.ts';
import { policiesContract } from '../policies/contract.ts';
import { syncContract } from '../sync/contract.ts';
import { tokensContract } from '../tokens/contract.ts';
import { trustContract } from '../trust/contract.ts';

const contracts: readonly AnyContract[] = [
  accessContract,
  certificatesContract,
  directoryContract,
  linksContract,
  loginsContract,
  policiesContract,
  syncContract,
  tokensContract,
  trustContract,
];

function told(act: string, input: object): string | undefined {
  const [name, method = ''] = act.split('.');
  return contracts.find((one) => one.name === name)?.methods[method]?.about?.(input);
}

const jti = 'abcdefghijklmnop';
const share = { effect: 'allow', verbs: ['see'] };

test.each([
  ['directory.putUser', { user: 'ben', disabled: true }, 'user:ben'],
  ['directory.putService', { service: 'service:ci' }, 'service:ci'],
  ['directory.removeGroup', { group: 'ops' }, 'group:ops'],
  ['directory.addMember', { group: 'ops', member: 'service:ci' }, 'service:ci in group:ops'],
  ['directory.defineRole', { role: 'viewer', scopes: [] }, 'role:viewer'],
  ['directory.assign', { role: 'viewer', to: 'ben' }, 'role:viewer to user:ben'],
  [
    'directory.unassign',
    { role: 'viewer', to: 'group:ops', cluster: 'bergen' },
    'role:viewer to group:ops at bergen',
  ],
  ['access.map', { peer: 'bergen', from: 'role:admin', role: 'viewer' }, 'role:admin of bergen'],
  ['access.removePolicy', { id: 'nights' }, 'policy:nights'],
  ['certificates.issue', { subject: 'service:ci' }, 'service:ci'],
  ['certificates.revoke', { serial: '4f' }, '4f'],
  ['certificates.putRole', { role: 'web' }, 'role:web'],
  ['tokens.issue', { for: 'ben', audience: ['bergen', 'visby'] }, 'ben to bergen, visby'],
  ['tokens.issueOwn', { at: ['bergen'] }, 'at bergen'],
  ['tokens.issue', {}, undefined],
  ['tokens.revoke', { jti }, `token:${jti}`],
  ['tokens.delegate', { jti, audience: ['visby'] }, `token:${jti} to visby`],
  ['links.close', { peer: 'bergen' }, 'bergen'],
  ['links.revoke', { id: '0a1b2c3d' }, 'invitation:0a1b2c3d'],
  ['trust.set', { peer: 'bergen', level: 'blocked' }, 'bergen'],
  [
    'policies.add',
    { ...share, resources: { kind: 'kv', name: 'prices' }, peers: { peer: 'bergen' } },
    'kv/prices to bergen',
  ],
  [
    'policies.add',
    {
      ...share,
      resources: { owner: 'visby', kind: 'git', type: 'tool', labels: { a: 'b' } },
      peers: { labels: { zone: 'north' } },
    },
    'visby:git/**, type tool, a=b to zone=north',
  ],
  ['policies.add', { ...share, resources: {}, peers: { public: true } }, '** to public'],
  ['policies.remove', { id: 'r7' }, 'rule:r7'],
  ['sync.add', { resource: 'bergen:kv/prices' }, 'bergen:kv/prices'],
  ['logins.endSession', { id: 'a'.repeat(16) }, `session:${'a'.repeat(16)}`],
])('%s of %o is about %s', (act, input, wanted) => {
  expect(told(act, input)).toBe(wanted);
});

test('no secret of an input is told', () => {
  const canary = 'canary-7f3a9b';
  const secrets = {
    password: canary,
    newPassword: canary,
    code: canary,
    ticket: canary,
    secret: canary,
    token: canary,
    words: canary,
    request: canary,
    text: canary,
    message: canary,
    note: canary,
  };
  const names = {
    user: 'ben',
    service: 'ci',
    group: 'ops',
    member: 'ben',
    role: 'viewer',
    to: 'ben',
    provider: 'corp',
    subject: 's',
    id: 'i',
    jti,
    audience: ['bergen'],
    peer: 'bergen',
    from: 'role:admin',
    serial: '4f',
    resource: 'bergen:kv/prices',
    resources: {},
    peers: { public: true },
  };
  const all = contracts.flatMap(({ methods }) =>
    Object.values(methods).map((method) => method.about?.({ ...names, ...secrets })),
  );
  const said = all.filter((each) => each !== undefined);
  expect(said.length).toBeGreaterThan(40);
  expect(said.join('\n')).not.toContain(canary);
});
