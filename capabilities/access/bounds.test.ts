import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { silentLog } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { expect, test } from 'vitest';
import { bergen, makeAccessCluster, permissionsOfTests } from '../../testkit/access-cluster.ts';
import { createHandClock } from '../../testkit/hand-clock.ts';
import {
  accessPoliciesMax,
  decisionsKeptMax,
  mapsMax,
  planDecisionsMax,
  whoCanMax,
} from './contract.ts';
import type { PolicySet, PolicySubject } from './engine.ts';
import { accessTables } from './keys.ts';
import { createRuling } from './ruling.ts';

const forbid = 'forbid(principal, action == Action::"kv.read", resource);';

async function filled(what: 'maps' | 'policies', rows: number) {
  const store = createMemoryStore({ clock: createHandClock() });
  const tables = accessTables(store, createMsgpackCodec());
  for (let at = 0; at < rows; at += 1) {
    const id = `p${at}`;
    const map = { cluster: bergen, from: `role:${id}`, role: 'viewer' };
    const policy = { id, text: forbid, permissions: ['kv.read'], writtenMs: 0 };
    await store.batchWrite([
      what === 'maps'
        ? tables.maps.put([bergen, map.from, map.role], map)
        : tables.policies.put([id], { ...policy, effect: 'forbid' }),
    ]);
  }
  const made = await makeAccessCluster({ store });
  made.directories.define('viewer', ['api:*.read']);
  return made.access;
}

test('so many mappings are kept; one more is STORE_LIMIT, and one that is there is not one more', async () => {
  const access = await filled('maps', mapsMax - 1);
  const map = (from: string) => access.map({ peer: 'bergen', from, role: 'viewer' });
  await map('role:last');
  await expect(map('role:more')).rejects.toMatchObject({ code: 'STORE_LIMIT' });
  await map('role:last');
});

test('so many policies are kept; one more is STORE_LIMIT, and one that is rewritten is not one more', async () => {
  const access = await filled('policies', accessPoliciesMax - 1);
  await access.putPolicy({ id: 'last', text: forbid });
  const more = access.putPolicy({ id: 'more', text: forbid });
  await expect(more).rejects.toMatchObject({ code: 'STORE_LIMIT' });
  await access.putPolicy({ id: 'last', text: forbid });
});

test('a plan for more people than it looks at says that there are more', async () => {
  const { access, directories } = await makeAccessCluster();
  const people = Math.floor(planDecisionsMax / permissionsOfTests.length) + 1;
  for (let at = 0; at < people; at += 1) {
    directories.put(`user:p${at}`, {});
  }
  const text = 'permit(principal == User::"p0", action, resource);';
  const { changes, truncated } = await access.planPolicy({ id: 'all', text });
  expect([changes.length, truncated]).toEqual([permissionsOfTests.length, true]);
});

test('who may is told of so many, and that there are more', async () => {
  const { access, directories } = await makeAccessCluster();
  directories.define('viewer', ['api:*.read']);
  for (let at = 0; at <= whoCanMax; at += 1) {
    directories.put(`user:p${at}`, { roles: ['viewer'] });
  }
  const { principals, truncated } = await access.whoCan({ permission: 'kv.read' });
  expect([principals.length, truncated]).toEqual([whoCanMax, true]);
});

const subject: PolicySubject = {
  kind: 'user',
  id: 'anna',
  name: 'anna',
  home: 'lubeck',
  foreign: false,
  roles: [],
  groups: [],
};

/** An engine that counts how often it is asked, and reads whatever does not say it is broken. */
function counting(written: () => readonly string[]) {
  let generation = 0;
  const counts = { asked: 0, compiled: 0, released: 0 };
  const set: PolicySet = {
    decide() {
      counts.asked += 1;
      return { allowed: true, policies: [], failed: written() };
    },
    release: () => void (counts.released += 1),
  };
  const ruling = createRuling({
    engine: () => ({
      read: () => ({ effect: 'forbid', permissions: [], everybody: false }),
      compile(given) {
        counts.compiled += 1;
        if (given.written.some(({ id }) => id === 'broken')) {
          throw new Error('cannot be read');
        }
        return set;
      },
    }),
    directories: { roles: () => [] },
    written: () =>
      written().map((id) => ({ id, text: id, effect: 'forbid', permissions: [], writtenMs: 0 })),
    generation: () => String(generation),
    log: silentLog,
  });
  return { ruling, counts, changed: () => (generation += 1) };
}

test('what was asked before is kept until something changes, and so many answers at most', () => {
  const { ruling, counts, changed } = counting(() => []);
  const ask = (at: number) =>
    ruling.ask({ subject: { ...subject, id: `p${at}` }, permission: 'kv.read' });
  for (let at = 0; at < decisionsKeptMax; at += 1) {
    ask(at);
  }
  ask(0);
  expect(counts).toEqual({ asked: decisionsKeptMax, compiled: 1, released: 0 });
  ask(decisionsKeptMax);
  ask(0);
  expect(counts.asked).toBe(decisionsKeptMax + 2);
  changed();
  ask(0);
  expect(counts).toEqual({ asked: decisionsKeptMax + 3, compiled: 1, released: 0 });
});

test('policies that cannot be read refuse everybody, once and until they change', () => {
  let written = ['broken'];
  const { ruling, counts, changed } = counting(() => written);
  const ask = () => ruling.ask({ subject, permission: 'kv.read' });
  for (let at = 0; at < 3; at += 1) {
    expect(ask).toThrow(expect.objectContaining({ code: 'FORBIDDEN' }));
  }
  expect(counts.compiled).toBe(1);
  written = [];
  changed();
  expect(ask().allowed).toBe(true);
});

test('a policy that forbids and cannot be asked forbids', () => {
  const { ruling } = counting(() => ['old']);
  expect(ruling.ask({ subject, permission: 'kv.read' })).toMatchObject({
    allowed: false,
    policies: ['old'],
  });
});
