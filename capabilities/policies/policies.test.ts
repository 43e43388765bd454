import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { localId, silentLog, type ClusterId, type LocalId } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createHandClock, type HandClock } from '../../testkit/hand-clock.ts';
import { roads } from '../../testkit/roads.ts';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import {
  clusterOf,
  createTestPeers,
  createTestSigner,
  linked,
  type TestPeers,
} from '../../testkit/test-cluster.ts';
import type { PeerStanding } from '../links/contract.ts';
import type { ResourceLog } from '../resources/contract.ts';
import { createResourceLog } from '../resources/log.ts';
import {
  policiesContract,
  verbs,
  type Enforcement,
  type Plan,
  type Policies,
  type Rule,
  type RuleRequest,
  type Verb,
} from './contract.ts';
import { policiesSuite } from './policies.suite.ts';
import { createPolicies } from './service.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const bergen = clusterOf(crypto, 11);
const visby = clusterOf(crypto, 13);
const stranger = clusterOf(crypto, 15);

interface Fixture {
  readonly policies: Policies;
  readonly enforcement: Enforcement;
  readonly resources: ResourceLog;
  readonly peers: TestPeers;
  readonly clock: HandClock;
}

async function make(names: readonly string[] = ['hansa', 'team/app']): Promise<Fixture> {
  const clock = createHandClock();
  const life = new AbortController();
  clock.advance(1_000_000);
  const random = createSeededRandom(1);
  const signer = createTestSigner(crypto, 1, 'lubeck');
  const store = createMemoryStore({ clock });
  const made = createResourceLog({ store, codec, crypto, clock, random, signer });
  await made.start(life.signal);
  const resources = made.log;
  for (const name of names) {
    await resources.create({ kind: 'git', name, labels: { tier: name.slice(0, 1) } });
  }
  const peers = createTestPeers();
  peers.set(linked(bergen, 'bergen'));
  peers.set(linked(visby, 'visby'));
  const own = createMemoryStore({ clock });
  const parts = { store: own, codec, clock, random, log: silentLog, signer, resources, peers };
  const { policies, enforcement, start } = createPolicies(parts);
  await start(life.signal);
  return { policies, enforcement, resources, peers, clock };
}

const everyRoad = roads<Policies>(policiesContract, async () => (await make()).policies);
everyRoad.forEach((road) => policiesSuite(road, bergen));

const share: RuleRequest = {
  effect: 'allow',
  resources: {},
  peers: { cluster: bergen },
  verbs: ['see', 'pull'],
};
const hansa = localId('git', 'hansa');

const anyPeers = fc.constantFrom({ cluster: bergen }, { cluster: visby }, { cluster: stranger }, {
  public: true,
} as const);
const anyRequest: fc.Arbitrary<RuleRequest> = fc.record({
  effect: fc.constantFrom('allow' as const, 'allow' as const, 'deny' as const),
  peers: anyPeers,
  resources: fc.constantFrom(
    {},
    { name: '*' },
    { name: 'team/**' },
    { kind: 'kv' },
    { labels: { tier: 'h' } },
  ),
  verbs: fc.subarray([...verbs], { minLength: 1 }),
  expiresMs: fc.constantFrom(undefined, 999_999, 1_000_500),
});
const anyStanding: fc.Arbitrary<Pick<PeerStanding, 'mine' | 'theirs' | 'active'>> = fc.record({
  mine: fc.boolean(),
  theirs: fc.boolean(),
  active: fc.boolean(),
});
const ids = ['hansa', 'team/app', 'gone'].map((name) => localId('git', name));
const clusters = [bergen, visby, stranger];

/** Everything that enforcement answers, one line each. */
function answers(ask: (peer: ClusterId, verb: Verb, id: LocalId) => boolean): string[] {
  return clusters.flatMap((peer) =>
    ids.flatMap((id) =>
      verbs.filter((verb) => ask(peer, verb, id)).map((v) => `${peer} ${v} ${id}`),
    ),
  );
}

const decided = (fixture: Fixture): string[] =>
  answers((peer, verb, id) => fixture.enforcement.decide(peer, verb, id).allowed);
const seen = (fixture: Fixture): string[] =>
  answers((peer, verb, id) => fixture.enforcement.visible(peer, verb).has(id));

describe('what a peer may see', () => {
  test('is what single decisions say, for every verb, resource and peer, whatever happens', async () => {
    const event = fc.oneof(
      anyRequest.map((add) => ({ add })),
      fc.nat(5).map((remove) => ({ remove })),
      fc.record({ peer: fc.constantFrom(bergen, visby), standing: anyStanding }),
      fc.constantFrom(1, 400, 600).map((passMs) => ({ passMs })),
      fc.constantFrom('gone', 'hansa').map((toggle) => ({ toggle })),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 12 }), async (events) => {
        const fixture = await make();
        const { policies, peers, clock, resources, enforcement } = fixture;
        for (const each of events) {
          if ('add' in each) {
            await policies.add(each.add);
          } else if ('remove' in each) {
            const { rules } = await policies.list({});
            const rule = rules[each.remove];
            await (rule === undefined ? undefined : policies.remove({ id: rule.id }));
          } else if ('standing' in each) {
            peers.set({ ...peers.standing(each.peer), ...each.standing });
          } else if ('passMs' in each) {
            clock.advance(each.passMs);
          } else {
            const id = localId('git', each.toggle);
            await (resources.find(id) === undefined
              ? resources.create({ kind: 'git', name: each.toggle })
              : resources.remove(id));
          }
          expect(seen(fixture)).toEqual(decided(fixture));
          for (const id of ids) {
            const granted = verbs.filter((verb) => enforcement.visible(bergen, verb).has(id));
            expect(enforcement.granted(bergen, id)).toEqual(granted);
          }
        }
      }),
      { numRuns: 200 },
    );
  });

  test('ends with the very millisecond at which a rule expires, without any event', async () => {
    const { policies, enforcement, clock } = await make();
    await policies.add({ ...share, ttlMs: 1_000 });
    clock.advance(999);
    expect(enforcement.visible(bergen, 'see').has(hansa)).toBe(true);
    clock.advance(1);
    expect(enforcement.visible(bergen, 'see').has(hansa)).toBe(false);
  });

  test('is the same for what is not shared and for what is not there', async () => {
    const { enforcement } = await make();
    const absent = localId('git', 'never-was');
    for (const verb of verbs) {
      expect(enforcement.visible(bergen, verb).has(hansa)).toBe(false);
      expect(enforcement.visible(bergen, verb).has(absent)).toBe(false);
      expect(enforcement.decide(bergen, verb, hansa).allowed).toBe(false);
      expect(enforcement.decide(bergen, verb, absent).allowed).toBe(false);
    }
  });

  test('tells its subscribers of changes of rules, resources and standing', async () => {
    const { policies, enforcement, resources, peers } = await make();
    let told = 0;
    const leave = enforcement.subscribe(() => {
      told += 1;
    });
    const expectTold = async (act: () => unknown): Promise<void> => {
      const before = told;
      await act();
      expect(told).toBeGreaterThan(before);
    };
    await expectTold(() => policies.add(share));
    await expectTold(() => resources.create({ kind: 'git', name: 'new' }));
    await expectTold(() => peers.set(linked(visby, 'other')));
    leave();
    const before = told;
    await policies.add(share);
    expect(told).toBe(before);
  });
});

describe('a plan', () => {
  const rowsOf = ({ rows }: Plan, change: 'gains' | 'loses'): string[] =>
    rows
      .filter((row) => row.change === change)
      .flatMap(({ peer, resource, verbs: some }) => some.map((v) => `${peer} ${v} ${resource}`))
      .toSorted();

  test('is the difference between what is visible before and after, for every cluster', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(anyRequest, { maxLength: 5 }),
        anyStanding,
        fc.oneof(
          anyRequest.map((add) => ({ add })),
          fc.nat(4).map((at) => ({ at })),
        ),
        async (rules, standing, change) => {
          const fixture = await make();
          const { policies, peers } = fixture;
          peers.set({ ...linked(bergen, 'bergen'), ...standing });
          const added: Rule[] = [];
          for (const each of rules) {
            added.push(await policies.add(each));
          }
          const removed = 'at' in change ? added[change.at] : undefined;
          if ('at' in change && removed === undefined) {
            return;
          }
          const plan = await policies.plan(
            'add' in change ? { add: change.add } : { remove: removed?.id },
          );
          const before = seen(fixture);
          await ('add' in change
            ? policies.add(change.add)
            : policies.remove({ id: removed?.id ?? '' }));
          const after = seen(fixture);
          const known = (line: string): boolean =>
            clusters.some((cluster) => line.startsWith(cluster));
          const gained = after.filter((line) => !before.includes(line)).toSorted();
          const lost = before.filter((line) => !after.includes(line)).toSorted();
          // What is public reaches a stranger as "any cluster" where no rule names the stranger.
          const named = [...rules, ...('add' in change ? [change.add] : [])].some(
            ({ peers: chosen }) => 'cluster' in chosen && chosen.cluster === stranger,
          );
          const counted = (line: string): boolean => named || !line.startsWith(stranger);
          expect(rowsOf(plan, 'gains').filter(known)).toEqual(gained.filter(counted));
          expect(rowsOf(plan, 'loses').filter(known)).toEqual(lost.filter(counted));
        },
      ),
      { numRuns: 300 },
    );
  });

  test('says that a public rule reaches any cluster', async () => {
    const { policies } = await make(['hansa']);
    const { rows } = await policies.plan({ add: { ...share, peers: { public: true } } });
    expect(rows.map(({ peerName }) => peerName).toSorted()).toEqual([
      'any cluster',
      'bergen',
      'visby',
    ]);
  });

  test('names a cluster that is not linked and that a rule speaks of', async () => {
    const { policies } = await make(['hansa']);
    const { rows } = await policies.plan({ add: { ...share, peers: { cluster: stranger } } });
    expect(rows).toMatchObject([{ change: 'gains', peer: stranger, verbs: ['see', 'pull'] }]);
  });

  test('tells that nothing is of that name, and of which kinds things are', async () => {
    const { policies } = await make(['hansa']);
    const { matching } = await policies.plan({
      add: { ...share, resources: { name: 'gti/hansa' } },
    });
    expect(matching).toEqual({ resources: 0, kinds: ['git'] });
    const known = await policies.plan({ add: { ...share, resources: { name: 'han*' } } });
    expect(known.matching).toEqual({ resources: 1, kinds: ['git'] });
  });

  test('of more rows than a person reads says that it was cut', async () => {
    const names = Array.from({ length: 400 }, (_, index) => `r${index}`);
    const { policies } = await make(names);
    const plan = await policies.plan({ add: { ...share, peers: { public: true } } });
    expect(plan.truncated).toBe(true);
    expect(plan.rows).toHaveLength(1_000);
  });
});

test('a rule that two remove at the same time is removed once, and neither waits for ever', async () => {
  const { policies } = await make();
  const { id } = await policies.add(share);
  const done = await Promise.allSettled([policies.remove({ id }), policies.remove({ id })]);
  expect(done.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
  expect(done.find((each) => each.status === 'rejected')).toMatchObject({
    reason: { code: 'RULE_NOT_FOUND' },
  });
});

test('the same rule asked for twice is one rule, so that removing it once is enough', async () => {
  const { policies } = await make();
  const first = await policies.add({ ...share, peers: { public: true } });
  await policies.add(share);
  expect(await policies.add({ ...share, peers: { public: true } })).toEqual(first);
  expect((await policies.list({})).rules).toHaveLength(2);
  await policies.remove({ id: first.id });
  expect((await policies.list({})).rules).toHaveLength(1);
});

test('a rule whose time is over is marked as expired in the list', async () => {
  const { policies, clock } = await make();
  await policies.add({ ...share, ttlMs: 60_000 });
  expect((await policies.list({})).rules[0]).not.toHaveProperty('expired');
  clock.advance(60_000);
  expect((await policies.list({})).rules).toMatchObject([{ expired: true }]);
});

describe('memory', () => {
  test('does not grow with the strangers that ask', async () => {
    const { policies, enforcement } = await make();
    await policies.add({ ...share, peers: { public: true } });
    const first = enforcement.visible(stranger, 'see');
    expect(enforcement.visible(stranger, 'see')).toBe(first);
    for (let i = 0; i < 10_000; i += 1) {
      const cluster = i.toString(16).padStart(64, '0');
      enforcement.visible(cluster as ClusterId, 'see');
    }
    // Only what was asked for lately is kept: the first answer had to be made anew, and is equal.
    expect(enforcement.visible(stranger, 'see')).not.toBe(first);
    expect(enforcement.visible(stranger, 'see')).toEqual(first);
  });
});
