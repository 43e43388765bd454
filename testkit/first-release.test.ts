// A cluster of the first release talks to one of today: its recorded bytes are read and answered
// here, and what it answered is understood.
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  createWireSession,
  federatedId,
  localId,
  manifestId,
  nodeIdSchema,
  remote,
  serve,
  utf8,
  type AnyContract,
  type Carrier,
  type Served,
} from '@hansa/foundation';
import { createSystemClock } from '@hansa/system-node';
import { afterEach, describe, expect, test } from 'vitest';
import { catalogPeerContract } from '../capabilities/catalog/wire.ts';
import { checkProof } from '../capabilities/identity/proof.ts';
import { helloSchema, linkPeerContract, spokenIn } from '../capabilities/links/wire.ts';
import { blobPeerContract, syncPeerContract } from '../capabilities/sync/wire.ts';
import { firstRelease, type Exchange } from './first-release.ts';
import { frameStreamPair } from './frame-streams.ts';
import { foundCluster } from './sync-pair.ts';
import { callerOf, clusterOf, collect, linked, nodeOf } from './test-cluster.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const clock = createSystemClock();
const { hellos, exchanges } = firstRelease();
const known = [linkPeerContract, catalogPeerContract, syncPeerContract, blobPeerContract];
const contracts = known as unknown as readonly AnyContract[];
// Frames by their kind: protocol/wire.md.
const [resultKind, errorKind, itemKind] = [3, 4, 5];
// What was asked otherwise then, and means something else now: the old asker makes do without.
const replaced = new Set(['sync-peer.challenge']);

const ending = new AbortController();
let close: () => void = () => undefined;

afterEach(() => close());

function wireOf(contract: string): AnyContract {
  const found = contracts.find(({ name }) => name === contract);
  if (found === undefined) {
    throw new Error(`nobody serves ${contract} any more`);
  }
  return found;
}

function frameOf(bytes: Uint8Array): readonly unknown[] {
  const list = codec.decode(bytes);
  if (!Array.isArray(list)) {
    throw new Error('a recorded frame is not a list');
  }
  return list;
}

/** The values that were answered, without how they travelled. */
function told({ answers }: Exchange): readonly unknown[] {
  return answers
    .map((bytes) => frameOf(bytes))
    .filter(([kind]) => kind === resultKind || kind === itemKind)
    .map(([, , value]) => value);
}

function nameOf({ contract, method }: Exchange): string {
  return `${contract}.${method}`;
}

/** The far end of a session of today that serves these. */
function serving(served: readonly Served[]) {
  const [there, here] = frameStreamPair();
  const caller = callerOf(clusterOf(crypto, 50), nodeOf(crypto, 51));
  const gate = {
    admit: () => undefined,
    authenticate: async () => caller,
    authorise: () => undefined,
    record: () => undefined,
  };
  const credential = { proven: caller, source: 'the first release' };
  const edge = serve(served, gate);
  const session = createWireSession({ stream: here, codec, clock, credential, edge });
  session.run(ending.signal).catch(() => undefined);
  close = () => session.close('the test is over');
  return there;
}

/** Answers every method with what was answered then. */
function actors(): readonly Served[] {
  return contracts.map((contract) => ({
    contract,
    service: Object.fromEntries(
      Object.keys(contract.methods).map((method) => {
        const then = exchanges.find((one) => nameOf(one) === `${contract.name}.${method}`);
        const values = then === undefined ? [] : told(then);
        const isWatch = contract.methods[method]?.watch === true;
        return [method, isWatch ? () => items(values) : async () => values[0]];
      }),
    ),
  }));
}

async function* items(values: readonly unknown[]): AsyncGenerator<unknown> {
  yield* values;
}

describe('a hello of the first release', () => {
  test.each(Object.entries(hellos))('of %s is read, and its proof holds', (name, bytes) => {
    const said = codec.decode(bytes) as { hello: unknown };
    const hello = helloSchema.parse(said.hello);
    expect(hello.contracts).toBeUndefined();
    expect(Object.keys(spokenIn(hello)).sort()).toEqual(contracts.map((one) => one.name).sort());
    const proof = hello.proof as { certificate: { node: string; notBeforeMs: number } };
    const identity = checkProof(crypto, {
      proof: hello.proof,
      remote: nodeIdSchema.parse(proof.certificate.node),
      nowMs: proof.certificate.notBeforeMs,
      judge: () => undefined,
    });
    expect(identity).toMatchObject({ name, keyIndex: 0 });
    expect(identity.keyLog.rotations).toEqual([]);
  });
});

describe('what the first release asked', () => {
  test('was every method that it had and that is still served', () => {
    const asked = exchanges.map(nameOf).sort();
    const then = contracts.flatMap(({ name, methods }) =>
      Object.entries(methods).flatMap(([method, { since = 1 }]) =>
        since === 1 ? [`${name}.${method}`] : [],
      ),
    );
    expect(asked).toEqual([...then, ...replaced].sort());
  });

  test.each(exchanges.map((one) => [nameOf(one), one] as const))(
    '%s is answered in words that it knows',
    async (name, exchange) => {
      const stream = serving(actors());
      await stream.send(exchange.request);
      const frame = frameOf((await stream.receive()) ?? new Uint8Array());
      const [first] = told(exchange);
      if (replaced.has(name)) {
        expect(frame).toMatchObject([errorKind, expect.any(Number), { code: 'INPUT_INVALID' }]);
      } else {
        const [kind, , value] = frame;
        expect([resultKind, itemKind]).toContain(kind);
        // A field that is new may be there; none that was may be missing or another.
        expect(value).toMatchObject(Object(first));
      }
    },
  );
});

describe('what the first release answered', () => {
  const lasting = exchanges.filter((one) => !replaced.has(nameOf(one)));

  test.each(lasting.map((one) => [nameOf(one), one] as const))(
    '%s is understood',
    async (_name, exchange) => {
      const [here, there] = frameStreamPair();
      const session = createWireSession({
        stream: here,
        codec,
        clock,
        credential: { source: 'the first release' },
        spoken: spokenIn(helloSchema.parse((codec.decode(anyHello()) as { hello: unknown }).hello)),
      });
      session.run(ending.signal).catch(() => undefined);
      close = () => session.close('the test is over');
      const asking = ask(session.carrier, exchange);
      const [, id, contract, version, method] = frameOf(
        (await there.receive()) ?? new Uint8Array(),
      );
      expect([contract, version, method]).toEqual([exchange.contract, 1, exchange.method]);
      for (const bytes of exchange.answers) {
        const [kind, , ...rest] = frameOf(bytes);
        await there.send(codec.encode([kind, id, ...rest]));
      }
      expect(await asking).toMatchObject(Object(told(exchange)[0]));
    },
  );
});

function anyHello(): Uint8Array {
  const [hello] = Object.values(hellos);
  return hello ?? new Uint8Array();
}

/** Today's asker with the input of then. */
async function ask(carrier: Carrier, exchange: Exchange): Promise<unknown> {
  const contract = wireOf(exchange.contract);
  const input = frameOf(exchange.request).at(-1);
  if (contract.methods[exchange.method]?.watch !== true) {
    return carrier.call(contract, exchange.method, input, {});
  }
  for await (const item of carrier.watch(contract, exchange.method, input, {})) {
    return item;
  }
  return undefined;
}

describe('a conversation of the first release with the services of today', () => {
  test('follows, compares and fetches, and is told what it cannot have yet', async () => {
    const owner = await foundCluster(21, 'lubeck');
    const peer = clusterOf(crypto, 50);
    owner.peers.set(linked(peer, 'bergen'));
    const local = localId('kv', 'notes');
    await owner.resources.create({ kind: 'kv', name: 'notes' });
    await owner.policies.add({
      effect: 'allow',
      resources: {},
      peers: { cluster: peer },
      verbs: ['see', 'pull'],
    });
    const content = utf8('small');
    const blob = await keep(owner.blobs, content);
    const put = { key: utf8('a'), value: utf8('1'), blobs: [blob] };
    await owner.resources.append(local, [{ put }], { author: 'ada' });
    const stream = serving([
      { contract: wireOf('sync-peer'), service: owner.sync.syncPeer },
      { contract: wireOf('blob-peer'), service: owner.sync.blobPeer },
    ]);
    const asking = createWireSession({
      stream,
      codec,
      clock,
      credential: { source: 'today' },
      spoken: spokenIn(helloSchema.parse((codec.decode(anyHello()) as { hello: unknown }).hello)),
    });
    asking.run(ending.signal).catch(() => undefined);
    const sync = remote(syncPeerContract, asking.carrier);
    const blobs = remote(blobPeerContract, asking.carrier);
    const resource = federatedId(owner.id, local);
    const { heads } = await sync.heads({ resources: [resource] });
    expect(heads[0]).toMatchObject({ resource, epoch: 1 });
    const seen: string[] = [];
    for await (const item of sync.follow({ resource, epoch: 0, sequence: 0 })) {
      seen.push(...Object.keys(item));
      if ('head' in item) {
        break;
      }
    }
    expect(new Set(seen)).toEqual(new Set(['change', 'head']));
    expect(await sync.held({})).toEqual({ rows: [] });
    expect(await blobs.manifest({ resource, blob: blob.id })).toMatchObject({ sizeBytes: 5 });
    const chunks = await collect(blobs.chunks({ resource, blob: blob.id, indexes: [0] }));
    expect(chunks).toEqual([content]);
    const later = [
      sync.pin({ resource }),
      sync.challenge({ resource, prefix: '', salt: new Uint8Array(32) }),
      collect(blobs.contents({ resource, blobs: [blob.id] })),
    ];
    for (const each of later) {
      await expect(each).rejects.toMatchObject({ code: 'METHOD_UNKNOWN' });
    }
    await owner.end();
  });
});

type Blobs = Awaited<ReturnType<typeof foundCluster>>['blobs'];

async function keep(blobs: Blobs, content: Uint8Array) {
  const { id, sizeBytes } = await blobs.put(once(content));
  return { id, sizeBytes, manifest: manifestId(crypto, { id, sizeBytes }, [id]) };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield bytes;
}
