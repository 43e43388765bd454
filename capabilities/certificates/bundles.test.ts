import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { watchedTable } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import {
  certificateWay,
  issueTo as issue,
  makeCertificateCluster,
  maker,
  verifyBy as verify,
  type CertificateCluster,
} from '../../testkit/certificate-clusters.ts';
import { handMadeLeaf as leafOf } from '../../testkit/hand-made-leaf.ts';
import { linked } from '../../testkit/test-cluster.ts';
import { bergen, lubeck, riga, startedClock } from '../../testkit/token-clusters.ts';
import { certificateTables } from './keys.ts';
import type { CertificateParts } from './parts.ts';
import { takeBundle } from './peer-bundles.ts';
import { derOf } from './roots.ts';

const hourMs = 3_600_000;

describe('bundles of linked clusters', () => {
  async function pair() {
    const clock = startedClock();
    const near = await makeCertificateCluster({ clock, byte: 1, name: 'lubeck' });
    const far = await makeCertificateCluster({ clock, byte: 11, name: 'bergen' });
    far.peers.set(linked(lubeck, 'lubeck'));
    const connect = (): void => near.peers.set(linked(bergen, 'bergen'), certificateWay(far, 1));
    return { near, far, connect };
  }
  const sequence = async (near: CertificateCluster) =>
    (await near.certificates.bundle({ peer: 'bergen' })).spiffe.spiffe_sequence;

  test('a linked cluster’s people are known, under their home, and those of nobody else', async () => {
    const { near, far, connect } = await pair();
    const made = await issue(far);
    await expect(verify(near, made)).rejects.toMatchObject({ code: 'CERTIFICATE_UNTRUSTED' });
    connect();
    await expect
      .poll(() => verify(near, made).catch(() => undefined))
      .toMatchObject({
        principal: `user:anna@${bergen}`,
        cluster: bergen,
      });
    near.peers.set({ ...linked(bergen, 'bergen'), active: false });
    await expect(verify(near, made)).rejects.toMatchObject({ code: 'CERTIFICATE_UNTRUSTED' });
  });

  test('what is revoked there counts no more here', async () => {
    const { near, far, connect } = await pair();
    const made = await issue(far);
    connect();
    await expect.poll(() => verify(near, made).catch(() => undefined)).toBeDefined();
    await far.certificates.revoke({ serial: made.serial });
    await expect
      .poll(() => verify(near, made).catch((error: { code: string }) => error.code))
      .toBe('CERTIFICATE_REVOKED');
  });

  test('a peer’s authority vouches for its own trust domain alone', async () => {
    const { near, far, connect } = await pair();
    await issue(far);
    await issue(near);
    connect();
    await expect.poll(() => sequence(near).catch(() => 0)).toBeGreaterThan(0);
    const tables = keysOf(far);
    const [root] = (await far.certificates.authority({})).roots;
    const key = await tables.rootKeys.get(root?.serial ?? '');
    const issuer = {
      certificate: root?.certificate ?? '',
      privateKey: key?.value.privateKey ?? '',
    };
    const nowMs = near.clock.now();
    for (const victim of [lubeck, riga]) {
      const forged = await leafOf(issuer, [`spiffe://${victim}/user/anna`], nowMs);
      await expect(near.trust.verify(forged)).rejects.toMatchObject({
        code: 'CERTIFICATE_UNTRUSTED',
      });
    }
    const honest = await leafOf(issuer, [`spiffe://${bergen}/user/anna`], nowMs);
    await expect(near.trust.verify(honest)).resolves.toBeDefined();
  });

  test('one that was away while the authority changed has the new bundle when it is back', async () => {
    const { near, far, connect } = await pair();
    const first = await far.certificates.issue({ subject: 'user:anna', ttlMs: hourMs });
    connect();
    await expect.poll(() => verify(near, first).catch(() => undefined)).toBeDefined();
    const away = await near.restart();
    away.peers.set(linked(bergen, 'bergen'));
    await verify(away, first);
    await far.certificates.rotate({});
    far.clock.advance(2 * hourMs);
    const second = await issue(far);
    expect(second.root).not.toBe(first.root);
    await expect(verify(away, second)).rejects.toMatchObject({ code: 'CERTIFICATE_UNTRUSTED' });
    away.peers.set(linked(bergen, 'bergen'), certificateWay(far, 1));
    await expect.poll(() => verify(away, second).catch(() => undefined)).toBeDefined();
  });

  test('a bundle that goes back, or differs at one sequence, is refused and reported', async () => {
    const { near, far, connect } = await pair();
    await issue(far);
    connect();
    await expect.poll(() => sequence(near).catch(() => 0)).toBeGreaterThan(0);
    const held = await sequence(near);
    const other = (await makeCertificateCluster({ byte: 21, clock: near.clock })).certificates;
    await other.authority({});
    const parts = await partsOf(near);
    const roots = [derOf((await far.certificates.authority({})).roots[0]?.certificate ?? '')];
    const told = { sequence: held, refreshHintMs: 60_000, roots, revoked: ['aa'] };
    await expect(takeBundle(parts, bergen, told)).rejects.toMatchObject({ code: 'BUNDLE_FORKED' });
    await expect(takeBundle(parts, bergen, { ...told, sequence: held - 1 })).rejects.toMatchObject({
      code: 'BUNDLE_REWOUND',
    });
    const foreign = [derOf((await other.authority({})).roots[0]?.certificate ?? '')];
    await expect(
      takeBundle(parts, bergen, { ...told, sequence: held + 9, roots: foreign }),
    ).rejects.toMatchObject({ code: 'CERTIFICATE_UNFIT' });
    expect(await sequence(near)).toBe(held);
    await takeBundle(parts, bergen, { ...told, sequence: held + 10 });
    expect(parts.refused.size).toBe(0);
  });

  test('the hint of a peer is when it is asked anew', async () => {
    const { near, far, connect } = await pair();
    await issue(far);
    let asked = 0;
    const way = certificateWay(far, 1);
    connect();
    near.peers.set(linked(bergen, 'bergen'), {
      ...way,
      watch: (...given) => {
        asked += 1;
        return way.watch(...given);
      },
    });
    await expect.poll(() => sequence(near).catch(() => 0)).toBeGreaterThan(0);
    const before = asked;
    near.clock.advance(300_000);
    await expect.poll(() => asked).toBeGreaterThan(before);
  });
});

function keysOf(cluster: CertificateCluster) {
  return certificateTables(cluster.store, createMsgpackCodec());
}

/** The parts that taking a bundle needs, over the cluster's own store. */
async function partsOf(cluster: CertificateCluster) {
  const tables = keysOf(cluster);
  const peerBundles = watchedTable(cluster.store, tables.peers);
  const life = new AbortController();
  await peerBundles.start(life.signal);
  const { clock, store, peers } = cluster;
  const log = { event: () => undefined, problem: () => undefined };
  const made = { clock, store, peers, tables, peerBundles, maker, log, refused: new Map() };
  return made as unknown as CertificateParts;
}
