import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { principal, type Principal } from '@hansa/foundation';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  bergen,
  mirrorOf,
  openDirectory,
  untilSeen,
  visby,
  type OpenDirectory,
} from '../../testkit/directory-bench.ts';
import { createResourceBench } from '../../testkit/resource-bench.ts';
import { roads } from '../../testkit/roads.ts';
import { linked } from '../../testkit/test-cluster.ts';
import { directoryContract, type Directory } from './contract.ts';
import { directorySuite } from './directory.suite.ts';
import { emptyAccount } from './entries.ts';

const annaHere = principal({ kind: 'user', name: 'anna' });
const annaThere = principal({ kind: 'user', name: 'anna', home: bergen });
const people = mirrorOf(bergen);

roads<Directory>(directoryContract, async () => (await openDirectory()).directory).forEach(
  directorySuite,
);

describe('who is known', () => {
  test('is found at once after it was written, with roles of its own and of its groups', async () => {
    const { directory, directories } = await openDirectory();
    const before = directories.generation;
    let told = 0;
    directories.subscribe(() => (told += 1));
    await directory.putGroup({ group: 'ops' });
    await directory.assign({ role: 'operator', to: 'group:ops', cluster: 'bergen' });
    await directory.putUser({ user: 'anna', groups: ['ops'], roles: ['viewer'] });
    expect(directories.find(annaHere)).toMatchObject({
      principal: annaHere,
      disabled: false,
      roles: [
        { role: 'viewer', by: 'user:anna' },
        { role: 'operator', by: 'group:ops', cluster: bergen },
      ],
    });
    expect(directories.generation).toBeGreaterThan(before);
    expect(told).toBeGreaterThanOrEqual(3);
    expect(directories.accounts().map((account) => account.principal)).toEqual([annaHere]);
  });

  test('is told gone before the removal is answered', async () => {
    const { directory, directories } = await openDirectory();
    await directory.putUser({ user: 'anna' });
    const seen: unknown[] = [];
    directories.subscribe(() => seen.push(directories.find(annaHere)));
    await directory.removeUser({ user: 'anna' });
    expect(seen.at(-1)).toBeUndefined();
    expect(directories.find(annaHere)).toBeUndefined();
  });

  test('is somebody else than who had the name before', async () => {
    const bench = createResourceBench();
    const { directory, directories } = await openDirectory({ bench });
    await directory.putUser({ user: 'anna' });
    const since = directories.find(annaHere)?.sinceMs;
    expect(since).toBe(bench.clock.now());
    bench.clock.advance(1_000);
    await directory.putUser({ user: 'anna', disabled: true });
    expect(directories.find(annaHere)?.sinceMs).toBe(since);
    await directory.removeUser({ user: 'anna' });
    await directory.putUser({ user: 'anna' });
    expect(directories.find(annaHere)?.sinceMs).toBe(bench.clock.now());
  });

  test('is known again after a restart, and by another node at once', async () => {
    const bench = createResourceBench();
    const one = await openDirectory({ bench });
    await one.directory.putUser({ user: 'anna', roles: ['viewer'] });
    const two = await openDirectory({ bench });
    expect(two.directories.find(annaHere)).toEqual(one.directories.find(annaHere));
    await one.directory.putUser({ user: 'anna', disabled: true });
    await untilSeen(() => two.directories.find(annaHere)?.disabled === true);
  });

  test('two nodes that write at the same time lose nothing', async () => {
    const bench = createResourceBench();
    const nodes = [await openDirectory({ bench }), await openDirectory({ bench })] as const;
    await nodes[0].directory.putUser({ user: 'anna' });
    await untilSeen(() => nodes[1].directories.find(annaHere) !== undefined);
    const names = Array.from({ length: 20 }, (_, at) => `user-${at}`);
    await Promise.all(
      names.map((user, at) => nodes[at % 2 === 0 ? 0 : 1].directory.putUser({ user })),
    );
    for (const { directories } of nodes) {
      await untilSeen(() => directories.accounts().length === 21);
    }
  });

  test('what was followed change by change is what is read anew, whatever was done', async () => {
    const bench = createResourceBench();
    const one = await openDirectory({ bench });
    const { directory } = one;
    const user = fc.constantFrom('anna', 'bo', 'carl');
    const group = fc.constantFrom('ops', 'crew');
    const act = fc.oneof(
      fc.tuple(user).map(([name]) => directory.putUser.bind(directory, { user: name })),
      fc.tuple(user).map(([name]) => directory.removeUser.bind(directory, { user: name })),
      fc.tuple(group).map(([name]) => directory.putGroup.bind(directory, { group: name })),
      fc.tuple(group).map(([name]) => directory.removeGroup.bind(directory, { group: name })),
      fc
        .tuple(group, user)
        .map(([name, member]) => directory.addMember.bind(directory, { group: name, member })),
      fc
        .tuple(user)
        .map(([to]) => directory.assign.bind(directory, { role: 'viewer', to, cluster: 'bergen' })),
      fc.constant(directory.removeDirectory.bind(directory, { directory: 'people' })),
    );
    const known = ({ followed }: OpenDirectory): unknown =>
      followed.own().map(({ entries, epoch, sequence }) => ({
        epoch,
        sequence,
        entries: [...entries.values()].map(({ entry }) => JSON.stringify(entry)).toSorted(),
      }));
    await fc.assert(
      fc.asyncProperty(fc.array(act, { maxLength: 12 }), async (acts) => {
        for (const run of acts) {
          await run().catch(() => undefined);
        }
        expect(known(one)).toEqual(known(await openDirectory({ bench })));
      }),
      { numRuns: 50 },
    );
  });

  test.each(['anna', 'user:anna@lubeck', 'cluster:x', 'workload:web', 'user:../x', ''])(
    '%j is nobody',
    async (text) => {
      const { directory, directories } = await openDirectory();
      await directory.putUser({ user: 'anna' });
      expect(directories.find(text as Principal)).toBeUndefined();
    },
  );

  test('our own cluster’s id behind a name changes nothing', async () => {
    const { directory, directories } = await openDirectory();
    const { home } = await directory.putUser({ user: 'anna' });
    const spelled = principal({ kind: 'user', name: 'anna', home });
    expect(directories.find(spelled)?.principal).toBe(annaHere);
  });
});

describe('somebody of another cluster', () => {
  const stored = { ...emptyAccount, roles: ['admin'], groups: ['ops'] };
  const group = { roles: ['owner'], clusterRoles: {} };

  async function withMirror(): Promise<OpenDirectory> {
    const opened = await openDirectory();
    opened.mirrors.set(people, { 'user/anna': stored, 'group/ops': group });
    await untilSeen(() => opened.directories.find(annaThere) !== undefined);
    return opened;
  }

  test('is found in a mirror of its own home alone, with the roles that its home names', async () => {
    const { directories, mirrors, peers } = await withMirror();
    expect(directories.find(annaThere)).toMatchObject({
      principal: annaThere,
      roles: [
        { role: 'admin', by: 'user:anna' },
        { role: 'owner', by: 'group:ops' },
      ],
      directory: people,
    });
    expect(directories.find(annaHere)).toBeUndefined();
    peers.set(linked(visby, 'visby'));
    const elsewhere = principal({ kind: 'user', name: 'anna', home: visby });
    expect(directories.find(elsewhere)).toBeUndefined();
    mirrors.set(people, undefined);
    await untilSeen(() => directories.find(annaThere) === undefined);
  });

  test('of two directories of one home, the first in the order of names counts', async () => {
    const { directories, mirrors } = await withMirror();
    mirrors.set(mirrorOf(bergen, 'guests'), { 'user/anna': { ...stored, disabled: true } });
    await untilSeen(() => directories.find(annaThere)?.disabled === true);
    expect(directories.accounts()).toHaveLength(1);
  });

  test('a role that its home defines is no role of ours', async () => {
    const { directories, mirrors } = await withMirror();
    mirrors.set(people, { 'role/deployer': { scopes: ['api:*'] } });
    await untilSeen(() => directories.find(annaThere) === undefined);
    expect(directories.role('deployer')).toBeUndefined();
  });

  test.each(['frozen', 'absent', 'halted'] as const)(
    'counts no more where the mirror is %s, and again where it is not',
    async (state) => {
      const { directories, directory, mirrors } = await withMirror();
      const before = directories.generation;
      mirrors.state(people, state);
      expect(directories.find(annaThere)).toBeUndefined();
      expect(directories.generation).toBeGreaterThan(before);
      const { directories: all } = await directory.directories({});
      expect(all).toMatchObject([{ name: 'people', counts: false, state }]);
      mirrors.state(people, 'current');
      expect(directories.find(annaThere)).toBeDefined();
    },
  );

  test.each(['absent', 'halted'] as const)(
    'that was once %s counts no more after a restart either, until its home shows it again',
    async (state) => {
      const bench = createResourceBench();
      const one = await openDirectory({ bench });
      one.mirrors.set(people, { 'user/anna': stored });
      await untilSeen(() => one.directories.find(annaThere) !== undefined);
      one.mirrors.state(people, state);
      one.mirrors.state(people, 'waiting');
      expect(one.directories.find(annaThere)).toBeUndefined();
      const two = await openDirectory({ bench });
      two.mirrors.set(people, { 'user/anna': stored }, 'waiting');
      await two.followed.refresh(people);
      expect(two.followed.find(people)).toBeDefined();
      expect(two.directories.find(annaThere)).toBeUndefined();
      two.mirrors.state(people, 'current');
      expect(two.directories.find(annaThere)).toBeDefined();
      await untilSeen(() => one.followed.counts(people) === false);
      two.mirrors.state(people, 'waiting');
      await untilSeen(() => two.directories.find(annaThere) !== undefined);
    },
  );

  test('counts as it stood while its home is away', async () => {
    const { directories, mirrors } = await withMirror();
    mirrors.state(people, 'waiting');
    expect(directories.find(annaThere)).toBeDefined();
  });

  test('counts no more where the link is closed or its cluster is blocked', async () => {
    const { directories, peers } = await withMirror();
    peers.set({ ...linked(bergen, 'bergen'), active: false });
    expect(directories.find(annaThere)).toBeUndefined();
    peers.set(linked(bergen, 'bergen'));
    expect(directories.find(annaThere)).toBeDefined();
  });

  test('is read here and written at home: the refusal names it', async () => {
    const { directory } = await withMirror();
    const shown = await directory.showUser({ user: 'anna@bergen' });
    expect(shown).toMatchObject({ role: 'mirror', ownerName: 'bergen', principal: annaThere });
    const { users } = await directory.users({});
    expect(users).toEqual([shown]);
    const writes = [
      directory.putUser({ user: 'anna@bergen', disabled: true }),
      directory.removeUser({ user: 'anna@bergen' }),
      directory.removeGroup({ group: 'ops@bergen' }),
      directory.assign({ role: 'viewer', to: 'anna@bergen' }),
      directory.removeDirectory({ directory: 'bergen:people' }),
    ];
    for (const write of writes) {
      const refused = { code: 'RESOURCE_READ_ONLY', message: expect.stringContaining('bergen') };
      await expect(write).rejects.toMatchObject(refused);
    }
    const own = directory.addMember({ group: 'ops', member: 'anna@bergen' });
    await expect(own).rejects.toMatchObject({ code: 'RESOURCE_READ_ONLY' });
  });

  test('is listed after our own, page by page', async () => {
    const { directory } = await withMirror();
    await directory.putUser({ user: 'zoe' });
    const first = await directory.users({ limit: 1 });
    expect(first).toMatchObject({ users: [{ principal: 'user:zoe' }], cursor: 'zoe' });
    const next = await directory.users({ limit: 1, cursor: 'zoe' });
    expect(next).toMatchObject({ users: [{ principal: annaThere }] });
    await expect(directory.users({ home: 'own' })).resolves.toMatchObject({
      users: [{ name: 'zoe' }],
    });
  });
});

describe('a directory in its log', () => {
  test('holds one entry for each, under its type and name', async () => {
    const { directory, log } = await openDirectory();
    await directory.putGroup({ group: 'ops' });
    await directory.putUser({ user: 'anna', groups: ['ops'], displayName: 'Anna' });
    const codec = createMsgpackCodec();
    const entries: Record<string, unknown> = {};
    const id = 'directory/people' as Parameters<typeof log.entries>[0];
    for await (const { key, value } of log.entries(id)) {
      entries[new TextDecoder().decode(key)] = codec.decode(value);
    }
    expect(entries).toEqual({
      'group/ops': { roles: [], clusterRoles: {} },
      'user/anna': {
        ...emptyAccount,
        sinceMs: expect.any(Number),
        groups: ['ops'],
        displayName: 'Anna',
      },
    });
  });

  test('what does not fit, by a disk or a copy, lets nobody in and harms nobody else', async () => {
    const { directory, directories, log } = await openDirectory();
    await directory.putUser({ user: 'anna' });
    const id = 'directory/people' as Parameters<typeof log.append>[0];
    const key = new TextEncoder().encode('user/bo');
    await log.append(id, [{ put: { key, value: key, blobs: [] } }], { author: 'lubeck' });
    await directory.putUser({ user: 'carl' });
    const known = directories.accounts().map((account) => account.principal);
    expect(known).toEqual(['user:anna', 'user:carl']);
  });
});
