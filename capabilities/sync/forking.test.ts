import { createNodeCrypto } from '@hansa/crypto-node';
import { federatedId, localId, utf8 } from '@hansa/foundation';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { commandNamed, runCommand } from '../../testkit/command-context.ts';
import { connectTo, foundCluster, type PairedCluster } from '../../testkit/sync-pair.ts';
import { clusterOf } from '../../testkit/test-cluster.ts';
import { syncCommands } from './cli.ts';

const crypto = createNodeCrypto();
const notes = localId('kv', 'notes');
const resource = federatedId(clusterOf(crypto, 1), notes);
const by = { author: 'ada' };

let open: PairedCluster[];
let mirror: PairedCluster;

/** The owner, on a store of its own: two of them are one cluster with two histories. */
async function owner(words: readonly string[], before = 0): Promise<PairedCluster> {
  const made = await foundCluster(1, 'lubeck');
  open.push(made);
  for (let i = 0; i < before; i += 1) {
    await made.resources.create({ kind: 'kv', name: `other-${i}` });
  }
  await made.resources.create({ kind: 'kv', name: 'notes' });
  const peers = { cluster: mirror.id };
  await made.policies.add({ effect: 'allow', resources: {}, peers, verbs: ['see', 'pull'] });
  for (const word of words) {
    const value = utf8(word);
    await made.resources.append(notes, [{ put: { key: utf8(word), value, blobs: [] } }], by);
  }
  return made;
}

beforeEach(async () => {
  open = [];
  mirror = await foundCluster(11, 'bergen');
  open.push(mirror);
  connectTo(mirror, await owner(['a', 'b', 'c']), { name: 'lubeck' });
  await mirror.sync.sync.add({ resource: 'lubeck:kv/notes' });
  await expect.poll(() => mirror.sync.mirrors.find(resource)?.state).toBe('current');
});

afterEach(async () => {
  await Promise.all(open.map((each) => each.end()));
});

describe('a fork that overtook a mirror', () => {
  test.each([
    ['with the position that we hold in another history', 0],
    ['without the position that we hold', 1],
    ['with a change that reaches over it', 3],
  ])('%s halts it, and both heads are shown', async (_, before) => {
    const held = mirror.sync.mirrors.find(resource)?.applied;
    const other = await owner(['a', 'x', 'y', 'z', 'later'], before);
    connectTo(mirror, other, { name: 'lubeck' });
    mirror.sync.mirroring.renew(resource, AbortSignal.timeout(5_000)).catch(() => undefined);
    await expect
      .poll(() => mirror.sync.mirrors.find(resource)?.state, { timeout: 5_000 })
      .toBe('halted');
    await expect.poll(() => mirror.sync.mirrors.find(resource)?.fork).toBeDefined();
    const shown = mirror.sync.mirrors.find(resource);
    expect(shown?.lastError?.code).toBe('HEAD_FORKED');
    expect(shown?.applied).toEqual(held);
    expect(shown?.fork?.held).toMatchObject({ sequence: held?.sequence, digest: held?.digest });
    expect(shown?.fork?.other.sequence).toBe(other.resources.point(notes)?.sequence);
    expect(shown?.fork?.other.chain).not.toBe(shown?.fork?.held.chain);
    const text = await runCommand(commandNamed(syncCommands, 'mirror show'), {
      answers: { 'sync.show': shown },
      args: { mirror: 'lubeck:notes' },
    });
    expect(text.shown).toContain('The owner signed two histories');
    expect(text.shown).toContain(shown?.fork?.held.signature);
    expect(text.shown).toContain(shown?.fork?.other.signature);
  });
});

test('a mirror whose owner is itself again goes on, and forgets what it saw', async () => {
  const first = open.at(-1);
  connectTo(mirror, await owner(['a', 'x', 'y', 'z']), { name: 'lubeck' });
  mirror.sync.mirroring.renew(resource, AbortSignal.timeout(5_000)).catch(() => undefined);
  await expect.poll(() => mirror.sync.mirrors.find(resource)?.fork).toBeDefined();
  if (first === undefined) {
    throw new Error('the first owner is still there');
  }
  connectTo(mirror, first, { name: 'lubeck' });
  await first.resources.append(notes, [{ delete: { key: utf8('a') } }], by);
  mirror.sync.mirroring.renew(resource, AbortSignal.timeout(5_000)).catch(() => undefined);
  await expect
    .poll(() => mirror.sync.mirrors.find(resource)?.state, { timeout: 5_000 })
    .toBe('current');
  expect(mirror.sync.mirrors.find(resource)?.fork).toBeUndefined();
});
