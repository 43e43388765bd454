// What the owner's tokens must do, whatever road the owner comes by.
import { describe, expect, test } from 'vitest';
import type { Road } from '../../testkit/roads.ts';
import type { DelegateRequest, Tokens } from './contract.ts';

const hour: Pick<DelegateRequest, 'audience' | 'caps'> = {
  audience: ['bearer'],
  caps: ['api:kv.read'],
};

export function tokensSuite({ name: road, make }: Road<Tokens>): void {
  describe(`tokens ${road}`, () => {
    const withTokens = async (run: (tokens: Tokens) => Promise<void>): Promise<void> => {
      const { service, close } = await make();
      try {
        await run(service);
      } finally {
        await close();
      }
    };

    test('a token is shown once, and then known by its id alone', () =>
      withTokens(async (tokens) => {
        const made = await tokens.issue({ ...hour, subject: 'the backup' });
        expect(made).toMatchObject({ audience: ['bearer'], caps: ['api:kv.read'] });
        const { tokens: rows, more } = await tokens.list({});
        expect(rows).toMatchObject([{ jti: made.jti, subject: 'the backup', revoked: false }]);
        expect(more).toBe(false);
        expect(JSON.stringify(rows)).not.toContain(made.token);
        expect((await tokens.list({ after: made.jti })).tokens).toEqual([]);
      }));

    test('a check tells what a token says and whether it would be taken', () =>
      withTokens(async (tokens) => {
        const { token, jti } = await tokens.issue(hour);
        const before = await tokens.check({ token });
        expect(before).toMatchObject({ usable: true, chain: [{ jti, caps: ['api:kv.read'] }] });
        await tokens.revoke({ jti });
        const after = await tokens.check({ token });
        expect(after).toMatchObject({ usable: false, problem: { code: 'TOKEN_REVOKED' } });
        expect((await tokens.list({})).tokens).toMatchObject([{ jti, revoked: true }]);
        expect((await tokens.revocations({})).revocations).toMatchObject([{ jti }]);
      }));

    test('revoking twice is revoking once', () =>
      withTokens(async (tokens) => {
        const { jti } = await tokens.issue(hour);
        const first = await tokens.revoke({ jti });
        expect(await tokens.revoke({ jti })).toEqual(first);
        expect((await tokens.revocations({})).revocations).toHaveLength(1);
      }));

    test.each([
      ['INPUT_INVALID', { caps: ['own:everything:**'] }],
      ['INPUT_INVALID', { caps: [] }],
      ['INPUT_INVALID', { caps: Array.from({ length: 33 }, () => 'app:a') }],
      ['INPUT_INVALID', { audience: [] }],
      ['INPUT_INVALID', { ttlMs: 31 * 86_400_000 }],
      ['INPUT_INVALID', { ttlMs: 0 }],
      ['INPUT_INVALID', { subject: 'rings \u0007' }],
      ['LINK_NOT_FOUND', { audience: ['nobody'] }],
      ['TOKEN_MALFORMED', { delegable: true }],
    ])('is %s for a request with %j', (code, given) =>
      withTokens(async (tokens) => {
        await expect(tokens.issue({ ...hour, ...given })).rejects.toMatchObject({ code });
        expect((await tokens.list({})).tokens).toEqual([]);
      }),
    );

    test('the keys that tokens are signed with are shown to whoever verifies them', () =>
      withTokens(async (tokens) => {
        const { token } = await tokens.issue(hour);
        const { keys } = await tokens.keys({});
        const [link] = (await tokens.check({ token })).chain;
        expect(keys).toMatchObject([{ kid: `${link?.issuer}#0`, crv: 'Ed25519', use: 'sig' }]);
      }));

    test('who is nobody in particular has no tokens of their own', () =>
      withTokens(async (tokens) => {
        const nobody = expect.objectContaining({ code: 'FORBIDDEN' });
        await expect(tokens.issueOwn({ caps: ['api:kv.read'] })).rejects.toEqual(nobody);
        await expect(tokens.own({})).rejects.toEqual(nobody);
        await expect(tokens.revokeOwn({ jti: 'a'.repeat(22) })).rejects.toEqual(nobody);
      }));

    test('what was never received cannot be forgotten or delegated', () =>
      withTokens(async (tokens) => {
        const jti = 'a'.repeat(22);
        const unknown = expect.objectContaining({ code: 'TOKEN_NOT_FOUND' });
        await expect(tokens.forget({ jti })).rejects.toEqual(unknown);
        await expect(tokens.delegate({ ...hour, jti })).rejects.toEqual(unknown);
        await expect(tokens.check({ token: 'no token' })).rejects.toMatchObject({
          code: 'TOKEN_MALFORMED',
        });
      }));
  });
}
