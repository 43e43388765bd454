// Whole sets of rules: what applying one would change, and that it happens at once.
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  federatedId,
  localId,
  scopeStore,
  silentLog,
  type KeyValueStore,
  type LocalId,
} from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import {
  clusterOf,
  createTestPeers,
  createTestSigner,
  linked,
} from '../../testkit/test-cluster.ts';
import type { Resource, ResourceLog } from '../resources/contract.ts';
import { planRowsMax, verbs, type MirroredResource, type RuleRequest } from './contract.ts';
import { createPolicies, type PoliciesService } from './service.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const signer = createTestSigner(crypto, 1, 'lubeck');
const bergen = clusterOf(crypto, 11);
const visby = clusterOf(crypto, 13);
const stranger = clusterOf(crypto, 15);

function resourcesNamed(names: readonly string[]): ResourceLog {
  const all = names.map((name): Resource => ({
    id: localId('git', name),
    kind: 'git',
    name,
    type: '',
    description: '',
    labels: {},
    createdMs: 0,
    epoch: 1,
  }));
  return {
    generation: 0,
    all: () => all,
    find: (id: LocalId) => all.find((each) => each.id === id),
    subscribe: () => () => undefined,
  } as Partial<ResourceLog> as ResourceLog;
}

async function open(
  given: { readonly store?: KeyValueStore; readonly names?: readonly string[]; seed?: number } = {},
) {
  const clock = createHandClock();
  clock.advance(1_000_000);
  const peers = createTestPeers();
  peers.set(linked(bergen, 'bergen'));
  peers.set(linked(visby, 'visby'));
  const stop = new AbortController();
  const made = createPolicies({
    store: given.store ?? createMemoryStore({ clock }),
    codec,
    clock,
    random: createSeededRandom(given.seed ?? 1),
    log: silentLog,
    signer,
    resources: resourcesNamed(given.names ?? ['hansa', 'team/app']),
    peers,
    judged: () => [stranger],
  });
  await made.start(stop.signal);
  return { ...made, peers, clock, stop };
}

const share = (name: string, more: Partial<RuleRequest> = {}): RuleRequest => ({
  effect: 'allow',
  resources: { name },
  peers: { peer: 'bergen' },
  verbs: ['see', 'pull'],
  ...more,
});
const many = (count: number, prefix = 'r'): RuleRequest[] =>
  Array.from({ length: count }, (_, at) => share(`${prefix}${at}`));

async function namesOf({ policies }: PoliciesService): Promise<(string | undefined)[]> {
  return (await policies.list({})).rules.map(({ resources }) => resources.name);
}

describe('applying a set of rules', () => {
  test('keeps what is in both, adds and removes the rest, and tells who gains and loses', async () => {
    const opened = await open();
    const { policies } = opened;
    const kept = await policies.add(share('hansa'));
    await policies.add(share('team/app'));
    const rules = [share('hansa'), share('hansa'), share('team/*', { peers: { peer: 'visby' } })];
    const planned = await policies.diff({ rules });
    expect(planned).toMatchObject({
      added: [{ resources: { name: 'team/*' }, peerName: 'visby' }],
      removed: [{ resources: { name: 'team/app' }, peerName: 'bergen' }],
      kept: 1,
      rows: [
        { change: 'loses', peerName: 'bergen', resource: 'git/team/app', verbs: ['see', 'pull'] },
        { change: 'gains', peerName: 'visby', resource: 'git/team/app', verbs: ['see', 'pull'] },
      ],
    });
    expect(await namesOf(opened)).toEqual(['hansa', 'team/app']);
    const { rows } = await policies.apply({ rules });
    expect(rows).toEqual(planned.rows);
    expect(await namesOf(opened)).toEqual(['hansa', 'team/*']);
    expect((await policies.list({})).rules[0]?.id).toBe(kept.id);
    await expect(policies.diff({ rules })).resolves.toMatchObject({
      added: [],
      removed: [],
      kept: 2,
      rows: [],
    });
  });

  test('with keep removes nothing', async () => {
    const opened = await open();
    await opened.policies.add(share('hansa'));
    const input = { rules: [share('team/app')], keep: true };
    await expect(opened.policies.diff(input)).resolves.toMatchObject({ removed: [], kept: 1 });
    await opened.policies.apply(input);
    expect(await namesOf(opened)).toEqual(['hansa', 'team/app']);
  });

  test('of a size that no transaction holds happens from one moment to the next', async () => {
    const clock = createHandClock();
    const store = createMemoryStore({ clock });
    const [one, other] = [await open({ store }), await open({ store, seed: 2 })];
    await one.policies.apply({ rules: many(300, 'old-') });
    const seen = new Set<string>();
    const look = async (): Promise<void> => {
      const names = await namesOf(other);
      const old = names.filter((name) => name?.startsWith('old-')).length;
      seen.add(`${old} and ${names.length - old}`);
    };
    let over = false;
    const looking = (async () => {
      while (!over) {
        await look();
        await new Promise((resolve) => {
          setImmediate(resolve);
        });
      }
    })();
    await one.policies.apply({ rules: many(500, 'new-') });
    over = true;
    await looking;
    expect([...seen].filter((each) => each !== '300 and 0' && each !== '0 and 500')).toEqual([]);
    expect(await namesOf(one)).toHaveLength(500);
    // One rule after a whole set goes on in it.
    const { id } = await one.policies.add(share('hansa'));
    expect(await namesOf(one)).toHaveLength(501);
    await one.policies.remove({ id });
    expect(await namesOf(one)).toHaveLength(500);
  });

  test('that dies half-way leaves the rules as they were, and the next one sweeps up', async () => {
    const clock = createHandClock();
    const store = scopeStore(createMemoryStore({ clock }), 'policies');
    const first = await open({ store });
    await first.policies.apply({ rules: many(100, 'old-') });
    let left = 3;
    const dying: KeyValueStore = {
      ...store,
      batchWrite(ops) {
        left -= 1;
        return left > 0 ? store.batchWrite(ops) : Promise.reject(new Error('the node is gone'));
      },
    };
    const doomed = await open({ store: dying, seed: 2 });
    await expect(doomed.policies.apply({ rules: many(400, 'new-') })).rejects.toThrow('gone');
    const again = await open({ store, seed: 3 });
    expect(await namesOf(again)).toEqual((await namesOf(first)).map((name) => name));
    expect(await namesOf(again)).toHaveLength(100);
    await again.policies.apply({ rules: many(150, 'third-') });
    const rows = await store.scan({ prefix: new Uint8Array(0) });
    expect(rows.entries.length).toBeLessThanOrEqual(152);
    expect(await namesOf(again)).toHaveLength(150);
  });

  test('leaves exactly those rules, whatever was there', async () => {
    const anyRules = fc.array(
      fc
        .record({ name: fc.nat(9), verb: fc.constantFrom(...verbs) })
        .map(({ name, verb }) => share(`r${name}`, { verbs: [verb] })),
      { maxLength: 12 },
    );
    await fc.assert(
      fc.asyncProperty(anyRules, anyRules, async (before, wanted) => {
        const { policies } = await open();
        await policies.apply({ rules: before });
        const planned = await policies.diff({ rules: wanted });
        const done = await policies.apply({ rules: wanted });
        const said = ({ resources, verbs: some }: { resources: object; verbs?: unknown }): string =>
          JSON.stringify([resources, some]);
        expect(done.removed).toEqual(planned.removed);
        expect(done.added.map(said)).toEqual(planned.added.map(said));
        const { rules } = await policies.list({});
        expect(new Set(rules.map(said))).toEqual(new Set(wanted.map(said)));
        expect(rules).toHaveLength(new Set(wanted.map(said)).size);
      }),
      { numRuns: 200 },
    );
  });

  test('knows no more rules than there may be', async () => {
    const { policies } = await open();
    await policies.apply({ rules: many(10_000) });
    const over = { code: 'STORE_LIMIT' };
    await expect(policies.add(share('one-more'))).rejects.toMatchObject(over);
    await expect(policies.apply({ rules: [share('x')], keep: true })).rejects.toMatchObject(over);
    expect((await policies.list({})).rules).toHaveLength(10_000);
  });
});

test('ten thousand rules over a thousand resources are decided in the time of a request', async () => {
  const names = Array.from({ length: 1_000 }, (_, at) => `r${at}`);
  const { policies, enforcement } = await open({ names });
  await policies.apply({ rules: many(10_000) });
  const startedMs = performance.now();
  expect(enforcement.visible(bergen, 'pull').size).toBe(1_000);
  expect(enforcement.visible(visby, 'pull').size).toBe(0);
  expect(performance.now() - startedMs).toBeLessThan(1_000);
  const againMs = performance.now();
  for (let at = 0; at < 10_000; at += 1) {
    enforcement.visible(bergen, 'pull');
  }
  expect(performance.now() - againMs).toBeLessThan(1_000);
});

test('a plan shows so many rows, and says where there are more', async () => {
  const names = (count: number) => Array.from({ length: count }, (_, at) => `r${at}`);
  const planned = async (count: number) => {
    const { policies } = await open({ names: names(count) });
    const { rows, truncated } = await policies.plan({ add: share('**') });
    return { rows: rows.length, truncated };
  };
  expect(await planned(planRowsMax)).toEqual({ rows: planRowsMax, truncated: false });
  expect(await planned(planRowsMax + 1)).toEqual({ rows: planRowsMax, truncated: true });
});

describe('who can', () => {
  test('names every cluster with its rule and its limits, the trusted and anybody among them', async () => {
    const { policies } = await open();
    const direct = await policies.add(share('hansa'));
    const open_ = await policies.add(share('team/app', { peers: { public: true } }));
    const held = await policies.add(
      share('**', {
        effect: 'limit',
        peers: { public: true },
        limits: { budget: { bytes: 2_000_000, windowMs: 1_000 } },
      }),
    );
    const of = async (name: string) =>
      (await policies.whoCan({ verb: 'pull', resource: localId('git', name) })).grants;
    expect(await of('hansa')).toEqual([
      { peer: bergen, peerName: 'bergen', rule: direct, limits: [held] },
    ]);
    const all = await of('team/app');
    expect(all.map(({ peerName, rule }) => [peerName, rule?.id])).toEqual(
      ['bergen', 'visby', stranger.slice(0, 8), 'any cluster'].map((name) => [name, open_.id]),
    );
    await expect(of('nothing')).rejects.toMatchObject({ code: 'RESOURCE_NOT_FOUND' });
  });
});

describe('a change of standing', () => {
  test('is forecast by the same decisions', async () => {
    const { policies, forecast } = await open({ names: ['hansa'] });
    await policies.add(share('hansa', { peers: { trusted: true } }));
    await policies.add(share('hansa', { peers: { labels: { region: 'eu' } }, verbs: ['push'] }));
    const row = { peer: bergen, peerName: 'bergen', resource: 'git/hansa' };
    expect(forecast({ cluster: bergen, trust: 'trusted' }).rows).toEqual([
      { ...row, change: 'gains', verbs: ['see', 'pull'] },
    ]);
    expect(forecast({ cluster: bergen, labels: { region: 'eu' } }).rows).toEqual([
      { ...row, change: 'gains', verbs: ['push'] },
    ]);
    await policies.add(share('hansa', { peers: { public: true } }));
    expect(forecast({ cluster: bergen, trust: 'blocked' }).rows).toEqual([
      { ...row, change: 'loses', verbs: ['see', 'pull'] },
    ]);
    expect(forecast({ cluster: bergen, trust: 'public' }).rows).toEqual([]);
  });

  test('of a limit is told as such', async () => {
    const { policies } = await open({ names: ['hansa'] });
    await policies.add(share('hansa'));
    const limit = share('hansa', {
      effect: 'limit',
      limits: { budget: { bytes: 2_000_000, windowMs: 1_000 } },
    });
    const rows = [{ change: 'limited', peerName: 'bergen', verbs: ['see', 'pull'] }];
    await expect(policies.plan({ add: limit })).resolves.toMatchObject({ rows });
    const { id } = await policies.add(limit);
    await expect(policies.plan({ remove: id })).resolves.toMatchObject({
      rows: [{ change: 'unlimited' }],
    });
  });
});

describe('what we mirror', () => {
  const id = federatedId(bergen, localId('git', 'theirs'));
  const mirror: MirroredResource = { id, kind: 'git', name: 'theirs' };

  test('is visible to others by rules that name its owner, as people spell it', async () => {
    const { policies, enforcement } = await open();
    expect(enforcement.visibleMirrored(visby, 'pull').size).toBe(0);
    let generation = 0;
    const listeners = new Set<() => void>();
    let mirrors: readonly MirroredResource[] = [];
    enforcement.setMirrored({
      all: () => mirrors,
      find: (wanted) => mirrors.find((each) => each.id === wanted),
      get generation() {
        return generation;
      },
      subscribe(changed) {
        listeners.add(changed);
        return () => listeners.delete(changed);
      },
    });
    let told = 0;
    enforcement.subscribe(() => {
      told += 1;
    });
    await policies.add(
      share('theirs', { resources: { name: 'theirs', owner: 'bergen' }, peers: { peer: 'visby' } }),
    );
    const before = told;
    expect(enforcement.decide(visby, 'pull', id).allowed).toBe(false);
    mirrors = [mirror];
    generation += 1;
    listeners.forEach((listener) => listener());
    expect(told).toBe(before + 1);
    expect([...enforcement.visibleMirrored(visby, 'pull')]).toEqual([id]);
    expect(enforcement.visible(visby, 'pull').size).toBe(0);
    expect(enforcement.decide(visby, 'pull', id).allowed).toBe(true);
    expect(enforcement.granted(visby, id)).toEqual(['see', 'pull']);
    const asked = { resource: localId('git', 'theirs'), owner: 'bergen' } as const;
    await expect(policies.why({ peer: 'visby', verb: 'pull', ...asked })).resolves.toMatchObject({
      allowed: true,
      resource: id,
    });
    const { grants } = await policies.whoCan({ verb: 'pull', ...asked });
    expect(grants.map(({ peerName }) => peerName)).toEqual(['visby']);
  });

  test('does not begin with what is ours: our own id as an owner means us', async () => {
    const { policies, enforcement } = await open();
    const rule = await policies.add(
      share('hansa', { resources: { name: 'hansa', owner: signer.cluster } }),
    );
    expect(rule.resources.owner).toBeUndefined();
    expect(enforcement.visible(bergen, 'see').has(localId('git', 'hansa'))).toBe(true);
    const spelled = federatedId(signer.cluster, localId('git', 'hansa'));
    expect(enforcement.decide(bergen, 'see', spelled).allowed).toBe(true);
  });
});

test('a budget of a removed rule is forgotten with it', async () => {
  const clock = createHandClock();
  const store = createMemoryStore({ clock });
  const { policies, budgets } = await open({ store });
  await policies.add(share('hansa'));
  const limits = { budget: { bytes: 2_000_000, windowMs: 3_600_000 } };
  const { id } = await policies.add(share('hansa', { effect: 'limit', limits }));
  const hansa = localId('git', 'hansa');
  await budgets.spend(bergen, hansa, 1_500_000);
  const why = await policies.why({ peer: 'bergen', verb: 'pull', resource: hansa });
  expect(why.budgets).toMatchObject([{ rule: id, usedBytes: 1_500_000 }]);
  await expect(budgets.spend(bergen, hansa, 1_500_000)).rejects.toMatchObject({
    code: 'BUDGET_EXHAUSTED',
  });
  const before = (await store.scan({ prefix: new Uint8Array(0) })).entries.length;
  await policies.remove({ id });
  const after = (await store.scan({ prefix: new Uint8Array(0) })).entries.length;
  expect(before - after).toBe(2);
  await budgets.spend(bergen, hansa, 5_000_000);
});
