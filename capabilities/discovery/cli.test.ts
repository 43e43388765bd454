import type { ClusterId, NodeId } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { commandNamed, runCommand, type CommandLine } from '../../testkit/command-context.ts';
import { discoveryCommands } from './cli.ts';
import type { DiscoveryStatus, Found } from './contract.ts';

const cluster = 'ab'.repeat(32) as ClusterId;
const found: Found = {
  cluster,
  name: 'bergen',
  linkedAs: 'bergen',
  verified: true,
  counter: 7,
  asOfMs: 0,
  expiresMs: 1,
  ageMs: 180_000,
  endpoints: [{ node: 'cd'.repeat(32) as NodeId, addresses: ['192.0.2.7:4100'] }],
  apps: ['forge'],
  heard: [{ source: 'gossip', heardMs: 0 }],
};
const claim: Found = {
  ...found,
  name: '',
  linkedAs: undefined,
  verified: false,
  apps: [],
  heard: [{ source: 'mdns', heardMs: 0 }],
  problem: { code: 'DIAL_FAILED', message: 'nobody answers' },
};
const status: DiscoveryStatus = {
  announced: undefined,
  tracked: 2,
  gossip: { on: true, taken: 3, refused: 1, forwarded: 2 },
  mdns: { on: true, claims: 1, problem: { code: 'DISCOVERY_OFF', message: 'no network' } },
  dht: { on: false, nodes: 0 },
  relays: ['https://relay.example'],
};

const run = (name: string, line: CommandLine) =>
  runCommand(commandNamed(discoveryCommands, name), line);

test('hansa discovery list shows who was found by what, and what nobody has proven', async () => {
  const answers = { 'discovery.list': { found: [found, claim] } };
  const { shown } = await run('discovery list', { answers });
  expect(shown.split('\n').slice(1)).toEqual([
    `${cluster}|bergen|bergen|yes|gossip|3 minutes ago|192.0.2.7:4100`,
    `${cluster}|||no|mdns|3 minutes ago|192.0.2.7:4100`,
  ]);
  const nobody = await run('discovery list', { answers: { 'discovery.list': { found: [] } } });
  expect(nobody.shown).toBe('No cluster was found yet.');
  expect(nobody.output.next).toEqual(['hansa discovery status']);
});

test('hansa discovery find asks for an id, and says what to do with whom it found', async () => {
  const args = { cluster };
  const linked = await run('discovery find', { args, answers: { 'discovery.find': found } });
  expect(linked.calls).toEqual([['discovery.find', { cluster }]]);
  expect(linked.output.next).toEqual(['hansa link show bergen']);
  const stranger = await run('discovery find', { args, answers: { 'discovery.find': claim } });
  expect(stranger.output.next).toEqual(['hansa link invite']);
  expect(stranger.shown).toContain('verified: no: a claim that nobody has proven');
  expect(stranger.shown).toContain('problem: DIAL_FAILED: nobody answers');
  await expect(
    run('discovery find', { args: { cluster: 'bergen' }, answers: {} }),
  ).rejects.toMatchObject({ code: 'USAGE' });
});

test('hansa discovery status shows which ways are on, and why one is not', async () => {
  const { shown } = await run('discovery status', { answers: { 'discovery.status': status } });
  expect(shown.split('\n')).toEqual([
    'announced: nothing',
    'clusters known: 2',
    'gossip: on: 3 taken, 1 refused, 2 passed on',
    'local network: on: 1 unproven claims',
    'DISCOVERY_OFF: no network',
    'directory (DHT): off',
    'relays: https://relay.example',
  ]);
});
