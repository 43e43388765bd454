import { createMsgpackCodec } from '@hansa/codec-msgpack';
import type { Op } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { expect, test } from 'vitest';
import {
  certificateWay,
  issueTo,
  makeCertificateCluster,
} from '../../testkit/certificate-clusters.ts';
import { linked } from '../../testkit/test-cluster.ts';
import { bergen, lubeck, startedClock } from '../../testkit/token-clusters.ts';
import { certificateRolesMax, certificateRootsMax, certificatesMax } from './contract.ts';
import { certificateTables } from './keys.ts';
import { peerBundlesMax } from './peer-bundles.ts';

/** A store that holds so much already. */
async function filled(rows: (tables: ReturnType<typeof certificateTables>) => readonly Op[]) {
  const clock = startedClock();
  const store = createMemoryStore({ clock });
  const ops = rows(certificateTables(store, createMsgpackCodec()));
  for (let at = 0; at < ops.length; at += store.limits.transactionOpsMax) {
    await store.batchWrite(ops.slice(at, at + store.limits.transactionOpsMax));
  }
  return { clock, store };
}

const many = <T>(count: number, each: (at: number) => T): T[] =>
  Array.from({ length: count }, (_, at) => each(at));

test('so many roles are kept; one more is STORE_LIMIT, and one that is there may change', async () => {
  const role = {
    kinds: ['user' as const],
    names: ['**'],
    dns: [],
    ips: [],
    ttlMaxMs: 60_000,
    client: true,
    server: false,
  };
  const ground = await filled(({ roles }) =>
    many(certificateRolesMax, (at) =>
      roles.put([`r${at}`], { ...role, role: `r${at}`, builtIn: false }),
    ),
  );
  const { certificates } = await makeCertificateCluster({ ...ground, idle: true });
  await expect(certificates.putRole({ ...role, role: 'more' })).rejects.toMatchObject({
    code: 'STORE_LIMIT',
    facts: { max: certificateRolesMax },
  });
  await certificates.putRole({ ...role, role: 'r0' });
  await certificates.removeRole({ role: 'r0' });
  await certificates.putRole({ ...role, role: 'more' });
});

test('so many certificates count; one more is STORE_LIMIT until those that ran out make room', async () => {
  const nowMs = startedClock().now();
  const ground = await filled(({ issued }) =>
    many(certificatesMax, (at) => {
      const serial = (at + 1).toString(16);
      const row = { spiffeId: 'x', role: 'user', dns: [], ips: [], root: '1', certificate: '' };
      const lifetime = { issuedMs: nowMs, notBeforeMs: nowMs, notAfterMs: nowMs + 60_000 };
      return issued.put([serial], { serial, ...row, ...lifetime });
    }),
  );
  const cluster = await makeCertificateCluster({ ...ground, idle: true });
  await expect(issueTo(cluster)).rejects.toMatchObject({
    code: 'STORE_LIMIT',
    facts: { max: certificatesMax },
  });
  ground.clock.advance(60_000);
  await issueTo(cluster);
  expect((await cluster.certificates.list({})).certificates).toHaveLength(1);
});

test('so many authorities are published; one more is CONFLICT', async () => {
  const cluster = await makeCertificateCluster({ idle: true });
  await issueTo(cluster);
  for (let at = 1; at < certificateRootsMax; at += 1) {
    await cluster.certificates.rotate({});
    cluster.clock.advance(600_000);
    await issueTo(cluster, `user:u${at}`);
  }
  await expect(cluster.certificates.rotate({})).rejects.toMatchObject({
    code: 'CONFLICT',
    facts: { rootsMax: certificateRootsMax },
  });
});

test('bundles of so many clusters are kept; another takes the place of one that is linked no more', async () => {
  const ground = await filled(({ peers }) =>
    many(peerBundlesMax, (at) => {
      const cluster = at.toString(16).padStart(64, '0') as typeof bergen;
      const told = { sequence: 1, roots: [], revoked: [], refreshHintMs: 60_000, receivedMs: 1 };
      return peers.put([cluster], { cluster, ...told });
    }),
  );
  const near = await makeCertificateCluster(ground);
  const far = await makeCertificateCluster({ clock: ground.clock, byte: 11, name: 'bergen' });
  far.peers.set(linked(lubeck, 'lubeck'));
  await issueTo(far);
  near.peers.set(linked(bergen, 'bergen'), certificateWay(far, 1));
  const known = () => near.certificates.bundle({ peer: 'bergen' }).catch(() => undefined);
  await expect.poll(known).toBeDefined();
  const tables = certificateTables(ground.store, createMsgpackCodec());
  let kept = 0;
  for await (const _row of tables.peers.rows()) {
    kept += 1;
  }
  expect(kept).toBe(peerBundlesMax);
});
