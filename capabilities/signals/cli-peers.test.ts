import { clusterIdSchema } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { runCommand } from '../../testkit/command-context.ts';
import { peersCommand } from './cli-peers.ts';
import type { SignalPeer } from './contract.ts';

const bergen: SignalPeer = {
  cluster: clusterIdSchema.parse('ab'.repeat(32)),
  name: 'bergen',
  state: 'active',
  dials: true,
  reads: ['/visby/**'],
  writes: [],
  owns: ['/bergen/**', '/fjord'],
};

test('signal peers shows how it stands with each, and what may cross', async () => {
  const lubeck: SignalPeer = {
    ...bergen,
    name: 'lubeck',
    state: 'disconnected',
    reason: 'the link ended',
    owns: [],
  };
  const answers = { 'signal-peers.list': { peers: [bergen, lubeck] } };
  const { shown, output } = await runCommand(peersCommand, { answers });
  expect(shown).toContain('bergen|active|/bergen/**, /fjord|/visby/**|-|-');
  expect(shown).toContain('lubeck|disconnected|-|/visby/**|-|the link ended');
  expect(output.next).toEqual(['hansa namespace list']);
});

test('signal peers says how to link where nobody is linked', async () => {
  const { shown, output } = await runCommand(peersCommand, {
    answers: { 'signal-peers.list': { peers: [] } },
  });
  expect(shown).toBe('No linked clusters.');
  expect(output.next).toEqual(['hansa link invite']);
});
