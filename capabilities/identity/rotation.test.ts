import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { HansaError, silentLog, toHex, utf8, type KeyValueStore } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { beforeEach, describe, expect, test } from 'vitest';
import { createHandClock, type HandClock } from '../../testkit/hand-clock.ts';
import { createMemoryVault, type MemoryVault } from '../../testkit/memory-vault.ts';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import {
  callerOf,
  carrierTo,
  clusterOf,
  createTestPeers,
  linked,
  nodeOf,
  seedOf,
  type TestPeers,
} from '../../testkit/test-cluster.ts';
import { identityCapability } from './capability.ts';
import { certificateSkewMs, keyBookClustersMax, rotationsMax, type KeyLog } from './contract.ts';
import { makeInception, makeRotation } from './key-log.ts';
import { identityTables } from './keys.ts';
import { createIdentity, type IdentityService, type KeySeeds, type KeyVault } from './service.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const startMs = 1_700_000_000_000;
const seeds: KeySeeds = { cluster: seedOf(1), next: seedOf(2), node: seedOf(3) };

let clock: HandClock;
beforeEach(() => {
  clock = createHandClock();
  clock.advance(startMs);
});

/** What survives the process. */
interface Place {
  readonly store: KeyValueStore;
  readonly vault: MemoryVault;
}

function place(keys: KeySeeds = seeds, seed = 1): Place {
  const vault = createMemoryVault(keys, createSeededRandom(seed));
  return { store: createMemoryStore({ clock }), vault };
}

interface Started extends IdentityService {
  readonly peers: TestPeers;
}

async function start(
  { store, vault }: Place,
  given: { readonly name?: string; readonly vault?: KeyVault; readonly keys?: HansaError } = {},
): Promise<Started> {
  const made = await createIdentity({
    store,
    codec,
    crypto,
    clock,
    log: silentLog,
    keys: given.keys ?? vault.keys,
    name: given.name ?? 'lubeck',
    vault: given.vault ?? vault,
  });
  const peers = createTestPeers();
  await identityCapability(made, { clock, peers }).start(new AbortController().signal);
  return { ...made, peers };
}

const others: KeySeeds = { cluster: seedOf(21), next: seedOf(22), node: seedOf(23) };

/** Two clusters that are linked and connected, as far as identity can tell. */
async function pair(): Promise<{ lubeck: Started; bergen: Started; home: Place; away: Place }> {
  const home = place();
  const away = place(others, 2);
  const lubeck = await start(home);
  const bergen = await start(away, { name: 'bergen' });
  connect(lubeck, bergen, 'bergen');
  connect(bergen, lubeck, 'lubeck');
  await lubeck.keys.learn(bergen.signer.keyLog());
  await bergen.keys.learn(lubeck.signer.keyLog());
  return { lubeck, bergen, home, away };
}

function connect(from: Started, to: Started, name: string): void {
  const caller = callerOf(from.signer.cluster, from.signer.node);
  const { servesPeers } = identityCapability(to, { clock, peers: to.peers });
  from.peers.set(linked(to.signer.cluster, name), carrierTo(servesPeers, caller));
}

function logOf(rotations: number, from = 1): KeyLog {
  const inception = makeInception(crypto, { first: seedOf(from), next: seedOf(from + 1) }, startMs);
  let log: KeyLog = { inception, rotations: [] };
  for (let step = 1; step <= rotations; step += 1) {
    const rotation = makeRotation(crypto, log, {
      present: seedOf(from + step - 1),
      promised: seedOf(from + step),
      after: seedOf(from + step + 1),
      nowMs: startMs + step,
    });
    log = { ...log, rotations: [...log.rotations, rotation] };
  }
  return log;
}

const code = (name: string): unknown => expect.objectContaining({ code: name });

describe('a rotation', () => {
  test('keeps the cluster’s id and name, raises index and serial, and signs with the promised key', async () => {
    const lubeck = await start(place());
    const before = await lubeck.identity.show({});
    const done = await lubeck.identity.rotate({});
    expect(done).toMatchObject({ keyIndex: 1, previousSigns: true, restartNeeded: false });
    const after = await lubeck.identity.show({});
    expect(after).toMatchObject({ cluster: before.cluster, name: before.name, keyIndex: 1 });
    expect(after.nextKeyHash).not.toBe(before.nextKeyHash);
    expect(after.certificate?.serial).toBe(2);
    const { keyIndex, signature } = lubeck.signer.sign(utf8('x'));
    expect(keyIndex).toBe(1);
    expect(crypto.verify(crypto.publicKey(seedOf(2)), utf8('x'), signature)).toBe(true);
    const { keys } = await lubeck.identity.log({});
    expect(keys.map(({ state }) => state)).toEqual(['retired', 'present']);
  });

  test('survives restarts, many times over, and its proof is believed by strangers', async () => {
    const home = place();
    for (let times = 1; times <= 3; times += 1) {
      const lubeck = await start(home);
      await lubeck.identity.rotate({});
      const restarted = await start(home);
      expect(restarted.problem).toBeUndefined();
      expect(restarted.signer.keyIndex).toBe(times);
    }
    const lubeck = await start(home);
    const stranger = await start(place(others, 2));
    const known = stranger.signer.check(lubeck.signer.proof(), lubeck.signer.node);
    expect(known).toMatchObject({ cluster: clusterOf(crypto, 1), keyIndex: 3 });
  });

  test('tells connected peers before it signs anything with the new key', async () => {
    const { lubeck, bergen } = await pair();
    const { cluster } = lubeck.signer;
    const seen: (readonly [known: number, signing: number])[] = [];
    bergen.keys.subscribe(() =>
      seen.push([bergen.keys.present(cluster).keyIndex, lubeck.signer.keyIndex]),
    );
    const done = await lubeck.identity.rotate({});
    expect(done).toMatchObject({ connected: ['bergen'], acknowledged: ['bergen'], away: [] });
    expect(seen).toContainEqual([1, 0]);
    expect(bergen.keys.present(cluster).keyIndex).toBe(1);
  });

  test('is learned by whoever was away from the proof alone, two at once', async () => {
    const { lubeck, bergen } = await pair();
    lubeck.peers.disconnect(bergen.signer.cluster);
    expect(await lubeck.identity.plan({})).toMatchObject({ connected: [], away: ['bergen'] });
    await lubeck.identity.rotate({});
    await lubeck.identity.rotate({});
    const { keyLog } = bergen.signer.check(lubeck.signer.proof(), lubeck.signer.node);
    expect(await bergen.keys.learn(keyLog)).toBe(2);
  });

  test('is told again to a peer that did not answer, when it is there', async () => {
    const { lubeck, bergen } = await pair();
    const { cluster } = lubeck.signer;
    lubeck.peers.disconnect(bergen.signer.cluster);
    await lubeck.identity.rotate({});
    const stop = new AbortController();
    const telling = lubeck.keepTelling(stop.signal).catch(() => undefined);
    connect(lubeck, bergen, 'bergen');
    await expect.poll(() => bergen.keys.present(cluster).keyIndex).toBe(1);
    stop.abort();
    await telling;
  });

  test('of which only the first half reached the disk is undone, of which the record did is ended', async () => {
    const home = place();
    const cut = async (step: 'prepare' | 'settle'): Promise<void> => {
      const stop = (): never => {
        throw new Error(`killed at ${step}`);
      };
      const half: KeyVault = {
        ...home.vault,
        candidates: () => home.vault.candidates(),
        async prepare() {
          const seed = await home.vault.prepare();
          return step === 'prepare' ? stop() : seed;
        },
        settle: async () => stop(),
      };
      const lubeck = await start(home, { vault: half });
      await expect(lubeck.identity.rotate({})).rejects.toThrow(/killed/);
    };
    await cut('prepare');
    expect(home.vault.keys.after).toBeDefined();
    const undone = await start(home);
    expect(undone.signer.keyIndex).toBe(0);
    expect(home.vault.keys.after).toBeUndefined();
    await cut('settle');
    const ended = await start(home);
    expect(ended.problem).toBeUndefined();
    expect(ended.signer.keyIndex).toBe(1);
    expect(ended.signer.proof().certificate.keyIndex).toBe(1);
    expect(home.vault.keys).toMatchObject({ cluster: seedOf(2) });
    await (await start(home)).identity.rotate({});
    expect((await start(home)).signer.keyIndex).toBe(2);
  });

  test('is possible without the present key, which may be lost: federation begins with a restart', async () => {
    const home = place();
    await start(home);
    const lost = new HansaError('KEY_MISMATCH', 'cluster.key is missing');
    const rest: KeyVault = { ...home.vault, candidates: async () => [seedOf(2)] };
    const lubeck = await start(home, { keys: lost, vault: rest });
    expect(lubeck.problem?.code).toBe('KEY_MISMATCH');
    const done = await lubeck.identity.rotate({});
    expect(done).toMatchObject({ keyIndex: 1, previousSigns: false, restartNeeded: true });
    const restarted = await start(home);
    expect(restarted.problem).toBeUndefined();
    const { keys } = await restarted.identity.log({});
    expect(keys[1]?.previousSigned).toBe(false);
  });

  test('is refused without the promised key, without a place for another, and after the last', async () => {
    const none = await start(place(), { vault: { ...place().vault, candidates: async () => [] } });
    await expect(none.identity.rotate({})).rejects.toMatchObject({ code: 'KEY_MISMATCH' });
    const { store } = place();
    const bare = await createIdentity({
      store,
      codec,
      crypto,
      clock,
      log: silentLog,
      keys: seeds,
      name: 'bare',
    });
    await expect(bare.identity.plan({})).rejects.toMatchObject({ code: 'ROTATION_UNPREPARED' });
    const full = await start(place());
    for (let times = 0; times < rotationsMax; times += 1) {
      await full.identity.rotate({});
    }
    await expect(full.identity.rotate({})).rejects.toMatchObject({ code: 'ROTATION_UNPREPARED' });
  });
});

describe('the key book', () => {
  test('knows everybody’s first key, and of ourselves all', async () => {
    const lubeck = await start(place());
    const stranger = clusterOf(crypto, 9);
    expect(toHex(lubeck.keys.keyOf(stranger, 0) ?? new Uint8Array(0))).toBe(stranger);
    expect(lubeck.keys.keyOf(stranger, 1)).toBeUndefined();
    await lubeck.identity.rotate({});
    expect(lubeck.keys.keyOf(lubeck.signer.cluster, 1)).toEqual(crypto.publicKey(seedOf(2)));
  });

  test('lets a retired key vouch for what it signed in its time, and for nothing after it', async () => {
    const { lubeck, bergen } = await pair();
    const { cluster } = lubeck.signer;
    await lubeck.identity.rotate({});
    const rotatedMs = clock.now();
    const signing = (keyIndex: number, atMs: number) =>
      bergen.keys.signing(cluster, { keyIndex, atMs });
    expect(signing(0, rotatedMs - 1)).toEqual(crypto.publicKey(seedOf(1)));
    expect(signing(0, rotatedMs + certificateSkewMs)).toEqual(crypto.publicKey(seedOf(1)));
    expect(() => signing(0, rotatedMs + certificateSkewMs + 1)).toThrow(code('KEY_RETIRED'));
    expect(signing(1, rotatedMs + 1)).toEqual(crypto.publicKey(seedOf(2)));
    expect(() => signing(2, rotatedMs)).toThrow(code('KEY_UNKNOWN'));
  });

  test('keeps what it learned over a restart, and refuses a copy of the old data folder', async () => {
    const { lubeck, bergen, away } = await pair();
    const copied = lubeck.signer.proof();
    await lubeck.identity.rotate({});
    const restarted = await start(away, { name: 'bergen' });
    expect(restarted.keys.present(lubeck.signer.cluster).keyIndex).toBe(1);
    for (const peer of [bergen, restarted]) {
      expect(() => peer.signer.check(copied, lubeck.signer.node)).toThrow(code('KEY_RETIRED'));
    }
  });

  test('takes an older log that agrees for what it is, when it is told by the way', async () => {
    const { lubeck, bergen } = await pair();
    const older = lubeck.signer.keyLog();
    await lubeck.identity.rotate({});
    expect(await bergen.keys.learn(older)).toBe(1);
    expect(bergen.keys.fork(lubeck.signer.cluster)).toBeUndefined();
  });

  test('blocks a cluster that showed two successors of one step, shows both, until it is forgotten', async () => {
    const { lubeck, bergen } = await pair();
    const { cluster } = lubeck.signer;
    const before = lubeck.signer.keyLog();
    await lubeck.identity.rotate({});
    const other = makeRotation(crypto, before, {
      present: seedOf(1),
      promised: seedOf(2),
      after: seedOf(99),
      nowMs: startMs + 5,
    });
    const forked = { ...before, rotations: [other] };
    await expect(bergen.keys.learn(forked)).rejects.toMatchObject({ code: 'KEY_FORKED' });
    await expect.poll(() => bergen.keys.blocked(cluster)).toBe(true);
    expect(bergen.keys.fork(cluster)).toMatchObject({
      held: { keyIndex: 1 },
      other: { keyIndex: 1, nextKeyHash: other.nextKeyHash },
    });
    const show = () => bergen.signer.check(lubeck.signer.proof(), lubeck.signer.node);
    expect(show).toThrow(code('KEY_FORKED'));
    expect(() => bergen.keys.signing(cluster, { keyIndex: 1, atMs: clock.now() })).toThrow(
      code('KEY_FORKED'),
    );
    await bergen.identity.forget({ peer: 'lubeck' });
    expect(show().keyIndex).toBe(1);
  });

  test('does not let a thief of the first key block the link by another inception', async () => {
    const { lubeck, bergen } = await pair();
    const { cluster } = lubeck.signer;
    const inception = makeInception(crypto, { first: seedOf(1), next: seedOf(88) }, startMs);
    const learned = bergen.keys.learn({ inception, rotations: [] });
    await expect(learned).rejects.toMatchObject({ code: 'KEY_FORKED' });
    await expect.poll(() => bergen.keys.fork(cluster)?.other.keyIndex).toBe(0);
    expect(bergen.keys.blocked(cluster)).toBe(false);
    expect(bergen.signer.check(lubeck.signer.proof(), lubeck.signer.node).cluster).toBe(cluster);
  });

  test('knows so many clusters; one more is STORE_LIMIT, and those it knows go on', async () => {
    const { lubeck, bergen: before, away } = await pair();
    const tables = identityTables(away.store, codec);
    const log = logOf(0, 40);
    for (let at = 0; at < keyBookClustersMax - 2; at += 1) {
      await away.store.batchWrite([tables.peers.put([at.toString(16).padStart(64, '0')], { log })]);
    }
    expect(before.keys.log(clusterOf(crypto, 40))).toBeUndefined();
    const bergen = await start(away, { name: 'bergen' });
    await bergen.keys.learn(logOf(0, 60));
    await expect(bergen.keys.learn(logOf(0, 50))).rejects.toMatchObject({ code: 'STORE_LIMIT' });
    expect(bergen.keys.log(clusterOf(crypto, 50))).toBeUndefined();
    await lubeck.identity.rotate({});
    expect(await bergen.keys.learn(lubeck.signer.keyLog())).toBe(1);
  });

  test('takes a cluster’s word on its own keys only, and strangers’ word on none', async () => {
    const { lubeck, bergen } = await pair();
    const tell = (log: KeyLog, node = lubeck.signer.node) =>
      bergen.peer.rotated({ log }, { caller: callerOf(lubeck.signer.cluster, node) });
    await expect(tell(logOf(1, 40))).rejects.toMatchObject({ code: 'CERTIFICATE_INVALID' });
    const stranger = { caller: callerOf(clusterOf(crypto, 40), nodeOf(crypto, 41)) };
    await expect(bergen.peer.rotated({ log: logOf(1, 40) }, stranger)).rejects.toMatchObject({
      code: 'LINK_NOT_FOUND',
    });
    expect(bergen.keys.log(clusterOf(crypto, 40))).toBeUndefined();
  });
});

describe('an identity that runs twice', () => {
  test('is noticed by whoever meets both by turns, and told to its own people', async () => {
    const { lubeck, bergen } = await pair();
    const { cluster } = lubeck.signer;
    const [one, two] = [seedOf(7), seedOf(8)];
    for (const instance of [one, two, one]) {
      bergen.keys.met(cluster, instance);
      expect(bergen.keys.twins(cluster)).toBeUndefined();
    }
    bergen.keys.met(cluster, two);
    expect(bergen.keys.twins(cluster)).toBe(2);
    await expect
      .poll(async () => (await lubeck.identity.show({})).warnings.map((each) => each.code))
      .toEqual(['IDENTITY_TWICE']);
    clock.advance(600_001);
    expect(bergen.keys.twins(cluster)).toBeUndefined();
    expect((await lubeck.identity.show({})).warnings).toEqual([]);
  });

  test('is not seen in a process that restarts, however often, nor in one that redials', async () => {
    const { bergen } = await pair();
    const { cluster } = bergen.signer;
    for (let process = 0; process < 40; process += 1) {
      bergen.keys.met(cluster, seedOf(100 + process));
      bergen.keys.met(cluster, seedOf(100 + process));
    }
    expect(bergen.keys.twins(cluster)).toBeUndefined();
  });
});
