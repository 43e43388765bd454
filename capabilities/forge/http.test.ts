import { expect, test } from 'vitest';
import { forgeContract } from './contract.ts';
import { forgeRoutes } from './http.ts';

const handle = async () => expect.fail('no request is answered here');
const [get, post] = forgeRoutes({ get: handle, post: handle });

function asked(route: typeof get, rest: string, service?: string) {
  const query: Record<string, string> = service === undefined ? {} : { service };
  return route?.asked?.({ params: { '*': rest }, query });
}

test('a fetch takes the right to read, a push to write, whichever way git begins', () => {
  const target = 'git/team/app';
  const read = { permission: 'forge.read', target };
  const write = { permission: 'forge.write', target };
  expect(asked(get, 'team/app.git/info/refs', 'git-upload-pack')).toEqual(read);
  expect(asked(get, 'team/app/info/refs', 'git-receive-pack')).toEqual(write);
  expect(asked(post, 'team/app.git/git-upload-pack')).toEqual(read);
  expect(asked(post, 'team/app/git-receive-pack')).toEqual(write);
});

test('mirrors and lanes are about what their owner has', () => {
  for (const path of ['@lubeck/team/app', 'lane/@lubeck/team/app.git']) {
    expect(asked(post, `${path}/git-receive-pack`)?.target).toBe('lubeck:git/team/app');
  }
});

test('what does not say whose it is, or is no address of git’s, is about all of them', () => {
  for (const rest of [
    '@lubeck/git-receive-pack',
    '@/a/git-receive-pack',
    'a/@b/git-receive-pack',
  ]) {
    expect(asked(post, rest)).toEqual({ permission: 'forge.write', target: undefined });
  }
  expect(asked(post, 'team/app')).toEqual({ permission: 'forge.write', target: undefined });
});

test('a call names its repository as the forge reads it', () => {
  const target = (name: string) => forgeContract.methods.show.target?.({ name });
  expect(target('team/app')).toBe('git/team/app');
  // An own name is never read as a kind: this one is called so.
  expect(target('git/app')).toBe('git/git/app');
  expect(target('lubeck:app')).toBe('lubeck:git/app');
  expect(target('lubeck:git/app')).toBe('lubeck:git/app');
});
