// What an operator does for others' logins, whatever road they come by.
import { describe, expect, test } from 'vitest';
import type { Road } from '../../testkit/roads.ts';
import type { Logins } from './contract.ts';

/** The service knows a user `anna` who cannot log in yet. */
export function loginsSuite({ name: road, make }: Road<Logins>): void {
  describe(`logins ${road}`, () => {
    const withLogins = async (run: (logins: Logins) => Promise<void>): Promise<void> => {
      const { service, close } = await make();
      try {
        await run(service);
      } finally {
        await close();
      }
    };

    test('an invitation lets its user in once, with a password of their own', () =>
      withLogins(async (logins) => {
        const { code } = await logins.invite({ user: 'anna' });
        expect((await logins.list({})).logins).toMatchObject([{ user: 'anna', invited: true }]);
        const begun = await logins.codeLogin({ code, password: 'a right password' });
        expect(begun).toMatchObject({ principal: 'user:anna' });
        expect((await logins.list({})).logins).toMatchObject([{ password: true, invited: false }]);
        const again = logins.codeLogin({ code, password: 'a right password' });
        await expect(again).rejects.toMatchObject({ code: 'LOGIN_REFUSED' });
        const { sessions } = await logins.sessions({ user: 'anna' });
        expect(sessions).toMatchObject([{ id: begun.id, by: 'code' }]);
        expect(JSON.stringify(sessions)).not.toContain(begun.session);
        expect(await logins.endSession({ id: begun.id })).toEqual({ id: begun.id });
      }));

    test('nobody who is unknown is invited, and no session that is none ends', () =>
      withLogins(async (logins) => {
        await expect(logins.invite({ user: 'nobody' })).rejects.toMatchObject({
          code: 'PRINCIPAL_UNKNOWN',
        });
        await expect(logins.endSession({ id: 'A'.repeat(16) })).rejects.toMatchObject({
          code: 'SESSION_NOT_FOUND',
        });
      }));

    test('providers are put, listed and removed, and their bindings with them', () =>
      withLogins(async (logins) => {
        const wish = { provider: 'corp', issuer: 'https://id.example', client: 'hansa' };
        await logins.putProvider(wish);
        expect((await logins.providers({})).providers).toMatchObject([wish]);
        expect(await logins.ways({})).toEqual({ providers: ['corp'] });
        const bound = { provider: 'corp', user: 'anna', subject: 'a/subject with a space' };
        expect(await logins.bind(bound)).toEqual({ ...bound, by: 'operator', atMs: 0 });
        expect((await logins.list({})).logins).toMatchObject([{ bindings: [bound] }]);
        await logins.removeProvider({ provider: 'corp' });
        expect((await logins.list({})).logins).toMatchObject([{ bindings: [] }]);
        await expect(logins.removeProvider({ provider: 'corp' })).rejects.toMatchObject({
          code: 'PROVIDER_NOT_FOUND',
        });
      }));
  });
}
