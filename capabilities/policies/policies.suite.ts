// What any Policies must do, wherever it lives. The service behind the road knows two linked
// clusters, `bergen` and `visby`, and owns `git/hansa` and `git/team/app`.
import { localId, type ClusterId } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import type { Road } from '../../testkit/roads.ts';
import type { Policies, RuleRequest } from './contract.ts';

export function policiesSuite({ name: road, make }: Road<Policies>, bergen: ClusterId): void {
  describe(`policies ${road}`, () => {
    const withPolicies = async (act: (policies: Policies) => Promise<void>): Promise<void> => {
      const { service, close } = await make();
      try {
        await act(service);
      } finally {
        await close();
      }
    };
    const share: RuleRequest = {
      effect: 'allow',
      resources: { name: 'hansa' },
      peers: { peer: 'bergen' },
      verbs: ['see', 'pull'],
    };
    const resource = localId('git', 'hansa');

    test('a rule counts from the moment it is added until it is removed', () =>
      withPolicies(async (policies) => {
        const question = { peer: 'bergen', verb: 'pull', resource } as const;
        await expect(policies.why(question)).resolves.toMatchObject({ allowed: false });
        const rule = await policies.add(share);
        expect(rule).toMatchObject({ peers: { cluster: bergen }, peerName: 'bergen' });
        await expect(policies.why(question)).resolves.toMatchObject({ allowed: true, rule });
        await expect(policies.list({})).resolves.toEqual({ rules: [rule] });
        await expect(policies.remove({ id: rule.id })).resolves.toEqual(rule);
        await expect(policies.why(question)).resolves.toMatchObject({ allowed: false });
        await expect(policies.list({})).resolves.toEqual({ rules: [] });
      }));

    test('a plan shows who gains what, and changes nothing', () =>
      withPolicies(async (policies) => {
        const plan = await policies.plan({ add: share });
        expect(plan).toEqual({
          truncated: false,
          matching: { resources: 1, kinds: ['git'] },
          rows: [
            { change: 'gains', peer: bergen, peerName: 'bergen', resource, verbs: ['see', 'pull'] },
          ],
        });
        await expect(policies.list({})).resolves.toEqual({ rules: [] });
        const { id } = await policies.add(share);
        await expect(policies.plan({ add: share })).resolves.toMatchObject({ rows: [] });
        await expect(policies.plan({ remove: id })).resolves.toMatchObject({
          rows: [{ change: 'loses', peer: bergen, verbs: ['see', 'pull'] }],
        });
      }));

    test('a time to live becomes a moment by the clock of the node', () =>
      withPolicies(async (policies) => {
        const { createdMs, expiresMs } = await policies.add({ ...share, ttlMs: 60_000 });
        expect(expiresMs).toBe(createdMs + 60_000);
      }));

    test.each<[string, object]>([
      ['an unknown verb', { verbs: ['see', 'write'] }],
      ['no verb', { verbs: [] }],
      ['an unknown effect', { effect: 'permit' }],
      ['an unknown part of a selector', { resources: { size: 'x' } }],
      ['an unknown word beside the known ones', { limit: 3 }],
      ['an unknown direction', { verbs: undefined, direction: 'sideways' }],
      ['verbs and a direction at once', { direction: 'pull' }],
      ['an unknown limit', { effect: 'limit', limits: { speed: 3 } }],
      ['a limit that limits nothing', { effect: 'limit', limits: {} }],
      ['a limit without limits', { effect: 'limit' }],
      ['limits of an allowance', { limits: { endsMs: 1 } }],
      [
        'a budget below one chunk',
        { effect: 'limit', limits: { budget: { bytes: 1, windowMs: 1_000 } } },
      ],
      ['peers by no label at all', { peers: { labels: {} } }],
      ['an unknown kind of peers', { peers: { friends: true } }],
      ['a peer selector of two kinds', { peers: { public: true, peer: 'bergen' } }],
      ['public that is not true', { peers: { public: false } }],
      ['a peer id that is none', { peers: { cluster: 'bergen' } }],
      ['a moment and a time to live at once', { ttlMs: 60_000, expiresMs: 1 }],
      ['a time to live that has passed', { ttlMs: 0 }],
    ])('%s is an error, never ignored', (_, wrong) =>
      withPolicies(async (policies) => {
        const request = { ...share, ...wrong };
        await expect(policies.add(request)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
        await expect(policies.plan({ add: request })).rejects.toMatchObject({
          code: 'INPUT_INVALID',
        });
        await expect(policies.list({})).resolves.toEqual({ rules: [] });
      }),
    );

    test('a rule or a peer that is not there is said not to be', () =>
      withPolicies(async (policies) => {
        const noRule = { code: 'RULE_NOT_FOUND' };
        await expect(policies.remove({ id: 'r-none' })).rejects.toMatchObject(noRule);
        await expect(policies.plan({ remove: 'r-none' })).rejects.toMatchObject(noRule);
        const peers = { peer: 'nobody' };
        const noLink = { code: 'LINK_NOT_FOUND' };
        await expect(policies.add({ ...share, peers })).rejects.toMatchObject(noLink);
        const question = { peer: 'nobody', verb: 'see', resource } as const;
        await expect(policies.why(question)).rejects.toMatchObject(noLink);
      }));
  });
}
