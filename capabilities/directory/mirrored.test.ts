import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { utf8 } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import {
  bergen,
  mirrorOf,
  openDirectory,
  untilSeen,
  type OpenDirectory,
} from '../../testkit/directory-bench.ts';
import type { ChangeOp, SequencedChange } from '../resources/contract.ts';
import { directoryBytesMax, entriesMax } from './contract.ts';
import { emptyAccount, type StoredAccount } from './entries.ts';
import { entryBytesMax } from './keys.ts';

const codec = createMsgpackCodec();
const people = mirrorOf(bergen);
const cluster = 'c'.repeat(64);

function put(key: string, value: unknown): ChangeOp {
  return { put: { key: utf8(key), value: codec.encode(value), blobs: [] } };
}

function changeOf(ops: readonly ChangeOp[]): SequencedChange {
  return {
    sequence: 2,
    change: { epoch: 1, previous: 1, ops, hlc: [1, 0], author: 'bergen' },
  };
}

async function stage(
  { kind, mirrors }: Pick<OpenDirectory, 'kind' | 'mirrors'>,
  ...ops: readonly ChangeOp[]
): ReturnType<OpenDirectory['kind']['stage']> {
  const view = await mirrors.view(people);
  const before = view ?? { resource: people, epoch: 1, entry: async () => undefined, entries };
  return kind.stage(before, [changeOf(ops)], new AbortController().signal);
}

async function* entries(): AsyncIterable<never> {
  yield* [];
}

const user = (words: object): StoredAccount => ({ ...emptyAccount, ...words });
const many = (count: number, beginning = 'r'): readonly string[] =>
  Array.from({ length: count }, (_, at) => `${beginning}${String(at).padStart(5, '0')}`);

describe('a change that a peer has signed', () => {
  test('is taken where it is what a directory holds', async () => {
    const opened = await openDirectory();
    const words = { displayName: 'Ünal', email: 'u@example.org', clusters: [cluster] };
    await expect(
      stage(
        opened,
        put('user/a/b', user({ ...words, clusterRoles: { [cluster]: ['viewer'] } })),
        put('service/ci', user({ disabled: true, groups: ['a', 'b'] })),
        put('group/ops', { description: 'on call', roles: ['x', 'y'], clusterRoles: {} }),
        put('role/x', { scopes: ['api:kv.read', 'pull:git:**'] }),
        { delete: { key: utf8('user/anna') } },
      ),
    ).resolves.toBeDefined();
  });

  test.each<[string, ChangeOp]>([
    ['a key of no type', put('team/a', user({}))],
    ['a key without a name', put('user/', user({}))],
    ['a key that leads elsewhere', put('user/../a', user({}))],
    ['a key of the language', put('__proto__/a', user({}))],
    ['a key that is no text', { put: { key: Uint8Array.of(255), value: utf8(''), blobs: [] } }],
    ['a name with a home', put(`user/a@${cluster}`, user({}))],
    ['a deletion of no type', { delete: { key: utf8('team/a') } }],
    ['no value', { put: { key: utf8('user/a'), value: utf8(''), blobs: [] } }],
    ['a list for a value', put('user/a', [])],
    ['a field that no user has', put('user/a', user({ password: 'x' }))],
    ['a field too few', put('user/a', { disabled: false })],
    ['a mail address of a service', put('service/a', user({ email: 'a@example.org' }))],
    ['two addresses in one', put('user/a', user({ email: 'a@b.org\nc@d.org' }))],
    ['a name that moves a cursor', put('user/a', user({ displayName: '\u001b[2J' }))],
    ['a name that turns the text', put('user/a', user({ displayName: '\u202eanna' }))],
    ['an empty name', put('user/a', user({ displayName: '' }))],
    ['a list that is not ascending', put('user/a', user({ groups: ['b', 'a'] }))],
    ['a list that says one twice', put('user/a', user({ roles: ['a', 'a'] }))],
    ['a role that is no word', put('user/a', user({ roles: ['A role'] }))],
    ['a cluster that is none', put('user/a', user({ clusters: ['bergen'] }))],
    ['roles in no cluster', put('user/a', user({ clusterRoles: { bergen: ['viewer'] } }))],
    ['no roles in a cluster', put('user/a', user({ clusterRoles: { [cluster]: [] } }))],
    ['a role of no scope', put('role/a', { scopes: ['everything'] })],
    ['a role without scopes', put('role/a', {})],
    [
      'a blob',
      {
        put: {
          key: utf8('user/a'),
          value: codec.encode(user({})),
          blobs: [{ id: cluster as never, sizeBytes: 1, manifest: cluster as never }],
        },
      },
    ],
  ])('is refused with %s', async (_what, op) => {
    await expect(stage(await openDirectory(), op)).rejects.toMatchObject({
      code: 'CHANGE_INVALID',
    });
  });

  test('is refused where one entry is over its bytes, whatever it says', async () => {
    const value = new Uint8Array(entryBytesMax + 1);
    const op: ChangeOp = { put: { key: utf8('user/a'), value, blobs: [] } };
    await expect(stage(await openDirectory(), op)).rejects.toMatchObject({
      code: 'CHANGE_INVALID',
      message: expect.stringContaining(String(entryBytesMax)),
    });
  });

  test('is refused where it makes one entry more than a directory holds', async () => {
    const opened = await openDirectory();
    const held = many(entriesMax).map((name) => [`user/${name}`, user({})] as const);
    opened.mirrors.set(people, Object.fromEntries(held));
    const one = put('user/one', user({}));
    await expect(stage(opened, one)).rejects.toMatchObject({ code: 'CHANGE_INVALID' });
    // In place of another it fits; and the same where all of it is in memory already.
    await untilSeen(() => opened.directories.accounts().length === entriesMax);
    await expect(stage(opened, one)).rejects.toMatchObject({ code: 'CHANGE_INVALID' });
    const gone: ChangeOp = { delete: { key: utf8('user/r00000') } };
    await expect(stage(opened, one, gone)).resolves.toBeDefined();
    await expect(stage(opened, put('user/r00000', user({})))).resolves.toBeDefined();
  });

  test('is refused where all of it has more bytes than a directory has', async () => {
    const opened = await openDirectory();
    const large = user({ displayName: 'x'.repeat(128), roles: many(256, 'r'.repeat(55)) });
    const bytes = codec.encode(large).length + 'user/r00000'.length;
    const fitting = Math.floor(directoryBytesMax / bytes);
    const held = many(fitting).map((name) => [`user/${name}`, large] as const);
    opened.mirrors.set(people, Object.fromEntries(held));
    const one = put('user/r99999', large);
    await expect(stage(opened, one)).rejects.toMatchObject({ code: 'CHANGE_INVALID' });
    await expect(stage(opened, put('user/r00000', large))).resolves.toBeDefined();
  });
});

test('what was committed, settled or purged is known at once', async () => {
  const { kind, mirrors, directories, ...opened } = await openDirectory();
  const staged = await stage({ kind, mirrors }, put('user/anna', user({})));
  mirrors.set(people, { 'user/anna': user({}) });
  await staged.commit();
  expect(directories.accounts()).toHaveLength(1);
  const view = await mirrors.view(people);
  await kind.settle(view!, new AbortController().signal);
  expect(directories.accounts()).toHaveLength(1);
  mirrors.set(people, undefined);
  await kind.purge({ resource: people, epoch: 1 });
  expect(directories.accounts()).toEqual([]);
  expect(opened.log.all()).toEqual([]);
});

test('a batch is brought into memory by its changes alone, and a repair by reading all', async () => {
  const { kind, mirrors, directories } = await openDirectory();
  mirrors.set(people, { 'user/anna': user({}), 'user/ben': user({}) }); // sequence 1
  await untilSeen(() => directories.accounts().length === 2);
  let readings = 0;
  const view = mirrors.view.bind(mirrors);
  Object.assign(mirrors, {
    async view(resource: typeof people) {
      readings += 1;
      return view(resource);
    },
  });
  const before = await view(people);
  const commit = async (change: SequencedChange, stored: Record<string, unknown>) => {
    const staged = await kind.stage(before!, [change], new AbortController().signal);
    mirrors.set(people, stored);
    await staged.commit();
    return directories.accounts().map(({ principal }) => principal.split(/[:@]/)[1]);
  };
  const step = changeOf([put('user/cleo', user({})), { delete: { key: utf8('user/ben') } }]);
  const after = { 'user/anna': user({}), 'user/cleo': user({}) };
  expect(new Set(await commit(step, after))).toEqual(new Set(['anna', 'cleo']));
  expect(readings).toBe(0);
  // Of a repair, what was held may have been wrong in other places too.
  const repair = { sequence: 3, change: { ...step.change, previous: 3, ops: [] } };
  expect(await commit(repair, { 'user/dora': user({}) })).toEqual(['dora']);
  expect(readings).toBeGreaterThan(0);
});
