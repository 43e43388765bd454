// Policies that name some resources alone: nobody gives more than them, nor gets out of them.
import { invariant, type Principal } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { makeAccessCluster, somebody, withToken } from '../../testkit/access-cluster.ts';

const anna = somebody('user:anna');
const call = { caller: anna };
const widened = expect.objectContaining({ code: 'GRANT_WIDENED' });
const secrets = 'action == Action::"kv.write", resource) when { resource.name like "secret/*" };';

async function withEditor() {
  const made = await makeAccessCluster();
  made.directories.define('editor', ['api:kv.*', 'api:access.*', 'api:directory.*']);
  made.directories.put('user:anna', { roles: ['editor'] });
  const put = (id: string, text: string) => made.access.putPolicy({ id, text });
  return { ...made, put };
}

describe('who is forbidden some resources', () => {
  test('has nobody else use what they are about, by a role, a token or a policy', async () => {
    const { access, control, put } = await withEditor();
    await put('not-anna', `forbid(principal == User::"anna", ${secrets}`);
    expect(() => control.requireGrantable(anna, ['api:kv.write'])).toThrow(widened);
    expect(() => control.requireGrantable(anna, ['api:kv.*'])).toThrow(widened);
    control.requireGrantable(anna, ['api:kv.read', 'api:directory.write']);
    const permit = 'permit(principal == User::"ben", action == Action::"kv.write", resource);';
    await expect(access.putPolicy({ id: 'ben', text: permit }, call)).rejects.toThrow(widened);
    const token = withToken(['api:*'], 'user:anna');
    expect(() => control.requireGrantable(token, ['api:kv.write'])).toThrow(widened);
  });

  test('does not remove, replace or narrow it, whoever else it is about', async () => {
    const { access, put } = await withEditor();
    for (const who of ['principal == User::"anna"', 'principal']) {
      await put('secrets', `forbid(${who}, ${secrets}`);
      const never = 'forbid(principal == User::"zoe", action == Action::"kv.write", resource);';
      await expect(access.putPolicy({ id: 'secrets', text: never }, call)).rejects.toThrow(widened);
      await expect(access.removePolicy({ id: 'secrets' }, call)).rejects.toThrow(widened);
    }
    await put('secrets', `forbid(principal == User::"ben", ${secrets}`);
    await access.removePolicy({ id: 'secrets' }, call);
  });

  test('gives what is forbidden to everybody alike: whoever gets it is forbidden it, too', async () => {
    const { control, put } = await withEditor();
    await put('secrets', `forbid(principal, ${secrets}`);
    control.requireGrantable(anna, ['api:kv.*']);
  });

  test('gives what others alone are forbidden, whom the policy names before the resource', async () => {
    const { control, put } = await withEditor();
    const foreign = 'when { principal.foreign && resource.name like "secret/*" };';
    await put('sovereign', `forbid(principal, action in Action::"*.write", resource) ${foreign}`);
    control.requireGrantable(anna, ['api:kv.write']);
  });

  test('does not leave the group that it is said of', async () => {
    const { control, directories, put } = await withEditor();
    await put('interns', `forbid(principal in Group::"interns", ${secrets}`);
    const ofAnna = (groups: readonly string[]) => {
      directories.put('user:anna', { roles: ['editor'], groups });
      const account = directories.find('user:anna' as Principal);
      invariant(account !== undefined, 'it was put');
      return account;
    };
    const after = ofAnna([]);
    const before = ofAnna(['interns']);
    expect(() => control.requireChanges(anna, [{ before, after }])).toThrow(widened);
    control.requireChanges(anna, [{ before: after, after: before }]);
  });
});

describe('what a policy permits on some resources', () => {
  const permit =
    'permit(principal in Group::"ops", action == Action::"forge.write", resource) ' +
    'when { resource.name like "ops/*" };';

  async function withOps(groups: readonly string[]) {
    const made = await withEditor();
    await made.put('ops', permit);
    const { directories } = made;
    directories.put('user:anna', { roles: ['editor'], groups });
    const ofBen = (of: readonly string[]) => {
      directories.put('user:ben', { groups: of });
      const account = directories.find('user:ben' as Principal);
      invariant(account !== undefined, 'it was put');
      return account;
    };
    const after = ofBen(['ops']);
    return { ...made, after, before: ofBen([]) };
  }

  test('is not given, nor had through another, by who has not the same', async () => {
    const { control, directories, after, before } = await withOps([]);
    expect(() => control.requireChanges(anna, [{ before, after }])).toThrow(widened);
    expect(() => control.requireChanges(anna, [{ after }])).toThrow(widened);
    directories.put('user:ben', { groups: ['ops'] });
    expect(() => control.requireStandIn(anna, 'user:ben' as Principal)).toThrow(widened);
  });

  test('is given by who has it by the same policy', async () => {
    const { control, after, before } = await withOps(['ops']);
    control.requireChanges(anna, [{ before, after }]);
  });

  test('is no right to permit it by a policy', async () => {
    const { access } = await withOps(['ops']);
    const other = permit.replace('"ops"', '"tea"');
    await expect(access.putPolicy({ id: 'tea', text: other }, call)).rejects.toThrow(widened);
  });
});
