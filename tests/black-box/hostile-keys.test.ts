// A cluster that signs two successors of one of its keys: whoever met the first one stays with it.
import type { Link } from '@hansa/capabilities/links/contract';
import { createNodeCrypto } from '@hansa/crypto-node';
import { remote } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { makeRotation } from '../../capabilities/identity/key-log.ts';
import { identityPeerContract } from '../../capabilities/identity/wire.ts';
import { seedOf } from '../../testkit/test-cluster.ts';
import { linkByHand, makePeer } from './harness/hand-made-peer.ts';
import { notYet, until } from './harness/until.ts';
import { startHonestPair } from './rooms/honest-pair.ts';

const crypto = createNodeCrypto();

test('a second successor of one key is KEY_FORKED: the first stays, both are shown, others are unharmed', async () => {
  const honest = await startHonestPair();
  const { bergen } = honest;
  const [seed, next] = [seedOf(61), seedOf(62)];
  const riga = await makePeer('riga', undefined, { seed, next });
  const { carrier, name } = await linkByHand(riga, bergen, { mine: true });
  const peer = remote(identityPeerContract, carrier);
  const born = riga.signer.keyLog();
  const successor = (after: number) => {
    const promised = { present: seed, promised: next, after: seedOf(after) };
    const rotation = makeRotation(crypto, born, { ...promised, nowMs: Date.now() });
    return { rotation, log: { ...born, rotations: [rotation] } };
  };
  const [first, second] = [successor(63), successor(64)];
  await expect(peer.rotated({ log: first.log })).resolves.toEqual({ keyIndex: 1 });
  await expect(peer.rotated({ log: first.log })).resolves.toEqual({ keyIndex: 1 });
  await expect(peer.rotated({ log: second.log })).rejects.toMatchObject({ code: 'KEY_FORKED' });
  const body = await until('the fork is shown', async () => {
    const shown = (await bergen.api<Link>('GET', `/links/${name}`)).body;
    return shown.keyFork === undefined ? notYet(shown) : shown;
  });
  expect(body.keyFork).toMatchObject({
    held: { keyIndex: 1, nextKeyHash: first.rotation.nextKeyHash },
    other: { keyIndex: 1, nextKeyHash: second.rotation.nextKeyHash },
  });
  expect(body.reason).toContain('two records claim one step of its keys');
  await bergen.restart();
  const { body: later } = await bergen.api<Link>('GET', `/links/${name}`);
  expect(later.keyFork).toEqual(body.keyFork);
  await honest.requireUnharmed();
});
