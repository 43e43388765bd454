import { federatedId, localId } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { bergen, openDirectory, type OpenDirectory } from '../../testkit/directory-bench.ts';
import {
  directoriesMax,
  directoryBytesMax,
  entriesMax,
  pageMax,
  readParty,
  type Directory,
} from './contract.ts';
import {
  clustersPerAccountMax,
  descriptionLengthMax,
  displayNameLengthMax,
  emailLengthMax,
  groupsPerAccountMax,
  rolesPerHolderMax,
  scopesPerRoleMax,
  wordLengthMax,
} from './entries.ts';
import { entryBytesMax } from './keys.ts';
import { spelledPartyMax } from './spelling.ts';

const invalid = { code: 'INPUT_INVALID' };
const full = { code: 'STORE_LIMIT' };
const anna = { user: 'anna' };

async function open(): Promise<{ directory: Directory; opened: OpenDirectory }> {
  const opened = await openDirectory();
  return { directory: opened.as({ kind: 'owner' }), opened };
}

test('a display name, a mail address, a word and a description have so many characters', async () => {
  const { directory } = await open();
  const named = (length: number) => directory.putUser({ ...anna, displayName: 'x'.repeat(length) });
  await expect(named(displayNameLengthMax + 1)).rejects.toMatchObject(invalid);
  await named(displayNameLengthMax);
  const mailed = (length: number) =>
    directory.putUser({ ...anna, email: `x@${'y'.repeat(length - 2)}` });
  await expect(mailed(emailLengthMax + 1)).rejects.toMatchObject(invalid);
  await mailed(emailLengthMax);
  const grouped = (length: number) => directory.putGroup({ group: 'g'.repeat(length) });
  await expect(grouped(wordLengthMax + 1)).rejects.toMatchObject(invalid);
  await grouped(wordLengthMax);
  const described = (length: number) =>
    directory.putGroup({ group: 'ops', description: 'x'.repeat(length) });
  await expect(described(descriptionLengthMax + 1)).rejects.toMatchObject(invalid);
  await described(descriptionLengthMax);
});

test('an account is in so many groups, of so many clusters', async () => {
  const { directory } = await open();
  const groups = Array.from({ length: groupsPerAccountMax + 1 }, (_, at) => `g${at}`);
  for (const group of groups) {
    await directory.putGroup({ group });
  }
  await expect(directory.putUser({ ...anna, groups })).rejects.toMatchObject(invalid);
  await directory.putUser({ ...anna, groups: groups.slice(1) });
  const join = directory.addMember({ group: 'g0', member: 'anna' });
  await expect(join).rejects.toMatchObject(invalid);
  const clusters = (count: number) =>
    Array.from({ length: count }, (_, at) => String(at).padStart(64, '0'));
  const many = directory.putUser({ ...anna, clusters: clusters(clustersPerAccountMax + 1) });
  await expect(many).rejects.toMatchObject(invalid);
  const all = await directory.putUser({ ...anna, clusters: clusters(clustersPerAccountMax) });
  expect(all.clusters).toHaveLength(clustersPerAccountMax);
});

test('somebody holds so many roles over all clusters, and a role so many scopes', async () => {
  const { directory, opened } = await open();
  const roles = Array.from({ length: rolesPerHolderMax }, (_, at) => `r${at}`);
  for (const role of roles) {
    await opened.directory.defineRole({ role, scopes: [] });
  }
  const all = await directory.putUser({ ...anna, roles });
  expect(all.roles).toHaveLength(rolesPerHolderMax);
  const more = directory.assign({ role: 'viewer', to: 'anna', cluster: 'bergen' });
  await expect(more).rejects.toMatchObject(invalid);
  const scopes = (count: number) => Array.from({ length: count }, (_, at) => `app:a${at}`);
  const wide = directory.defineRole({ role: 'wide', scopes: scopes(scopesPerRoleMax + 1) });
  await expect(wide).rejects.toMatchObject(invalid);
  await directory.defineRole({ role: 'wide', scopes: scopes(scopesPerRoleMax) });
});

test('what is longer than a name with its type and peer names nobody', () => {
  expect(readParty('x'.repeat(spelledPartyMax)).name).toHaveLength(spelledPartyMax);
  expect(() => readParty('x'.repeat(spelledPartyMax + 1))).toThrow(
    expect.objectContaining(invalid),
  );
});

test('a page has so many rows', async () => {
  const { directory } = await open();
  await expect(directory.users({ limit: pageMax + 1 })).rejects.toMatchObject(invalid);
  await expect(directory.users({ limit: pageMax })).resolves.toEqual({ users: [] });
});

test('there are so many directories; one more is STORE_LIMIT until one goes', async () => {
  const { directory } = await open();
  for (let at = 0; at < directoriesMax; at += 1) {
    await directory.createDirectory({ directory: `d${at}` });
  }
  const more = { directory: 'more' };
  await expect(directory.createDirectory(more)).rejects.toMatchObject(full);
  await expect(directory.putUser(anna)).rejects.toMatchObject(full);
  await directory.removeDirectory({ directory: 'd0' });
  await expect(directory.createDirectory(more)).resolves.toMatchObject({ name: 'more' });
});

// What is here already, without writing it.
async function crowded(count: number, bytes: number): Promise<OpenDirectory> {
  const { opened, directory } = await open();
  await directory.putUser({ user: 'zoe' });
  const resource = federatedId(
    opened.followed.own()[0]?.owner ?? bergen,
    localId('directory', 'people'),
  );
  const held = opened.followed.find(resource)!;
  const entries = held.entries as Map<string, unknown>;
  const [one] = held.entries.values();
  for (let at = entries.size; at < count; at += 1) {
    const entry = { ...one?.entry, name: `user${at}` };
    entries.set(`user/user${at}`, { ...one, bytes, entry });
  }
  return opened;
}

test('a directory has so many entries; one more is STORE_LIMIT until one goes', async () => {
  const { directory } = await crowded(entriesMax, 1);
  await expect(directory.putUser({ user: 'more' })).rejects.toMatchObject(full);
  // Who is there can still be changed.
  await directory.putUser({ user: 'zoe', disabled: true });
});

test('a directory has so many bytes; what is more is STORE_LIMIT', async () => {
  const { directory } = await crowded(3, directoryBytesMax / 2);
  await expect(directory.putUser({ user: 'more' })).rejects.toMatchObject(full);
});

test('the largest account that its schemas take is below the bytes of an entry', async () => {
  const { directory, opened } = await open();
  const word = (beginning: string, at: number): string =>
    `${beginning}${String(at).padStart(5, '0')}`.padEnd(wordLengthMax, 'x');
  const groups = Array.from({ length: groupsPerAccountMax }, (_, at) => word('g', at));
  const roles = Array.from({ length: rolesPerHolderMax }, (_, at) => word('r', at));
  for (const group of groups) {
    await opened.directory.putGroup({ group });
  }
  for (const role of roles) {
    await opened.directory.defineRole({ role, scopes: [] });
  }
  const clusters = Array.from({ length: clustersPerAccountMax }, (_, at) =>
    String(at).padStart(64, '0'),
  );
  await directory.putUser({ ...anna, groups, clusters });
  for (const [at, role] of roles.entries()) {
    await directory.assign({ role, to: 'anna', cluster: clusters[at] ?? '' });
  }
  const entry = [...(opened.followed.own()[0]?.entries.values() ?? [])].find(
    (each) => each.entry.type === 'user',
  );
  expect(entry?.bytes).toBeGreaterThan(entryBytesMax / 2);
  expect(entry?.bytes).toBeLessThan(entryBytesMax);
}, 60_000);
