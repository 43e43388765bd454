import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { clusterIdSchema, HansaError, remote, serve, silentLog } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { beforeEach, expect, test } from 'vitest';
import { createHandClock, type HandClock } from '../../testkit/hand-clock.ts';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import {
  callerOf,
  carrierTo,
  clusterOf,
  createTestSigner,
  nodeOf,
  seedOf,
  ungoverned,
} from '../../testkit/test-cluster.ts';
import { createTestKeys } from '../../testkit/test-keys.ts';
import { inviteKeptMs, inviteTtlDefaultMs, linksMax } from './contract.ts';
import { createLinkPeer } from './peer-service.ts';
import { createLinks, type LinksService } from './service.ts';
import { writeToken } from './token.ts';
import { linkEpochMax, linkPeerContract, probeBytesMax } from './wire.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const gate = {
  admit: () => undefined,
  authenticate: async () => ({ kind: 'owner' }) as const,
  authorise: () => undefined,
  record: () => undefined,
};

let clock: HandClock;

beforeEach(() => {
  clock = createHandClock();
  clock.advance(1_700_000_000_000);
});

async function open(): Promise<LinksService> {
  const made = createLinks({
    store: createMemoryStore({ clock }),
    codec,
    crypto,
    clock,
    random: createSeededRandom(7),
    log: silentLog,
    signer: createTestSigner(crypto, 1, 'lubeck'),
    transport: undefined,
    edge: serve([], gate),
    ...ungoverned(),
    keys: createTestKeys(),
  });
  await made.parts.records.links.start(new AbortController().signal);
  return made;
}

test('an invitation is forgotten a month after its time, and told apart until then', async () => {
  const { links } = await open();
  const { token } = await links.invite({});
  const problem = async (): Promise<string | undefined> =>
    (await links.inspect({ token })).problem?.code;
  clock.advance(inviteTtlDefaultMs + inviteKeptMs - 1);
  await links.invite({});
  expect(await problem()).toBe('LINK_TOKEN_EXPIRED');
  clock.advance(1);
  await links.invite({});
  expect(await problem()).toBe('LINK_TOKEN_UNKNOWN');
});

test('accepting is LINKS_FULL before anybody is dialled, where links are as many as may be', async () => {
  const { links, parts } = await open();
  const token = writeToken(codec, (message) => crypto.sign(seedOf(41), message), {
    cluster: clusterOf(crypto, 41),
    name: 'visby',
    endpoints: [],
    nonce: new Uint8Array(32),
    expiresMs: clock.now() + 1_000,
    serveOnly: false,
  });
  await expect(links.accept({ token })).rejects.toMatchObject({ code: 'DIAL_FAILED' });
  for (let i = 0; i < linksMax; i += 1) {
    await parts.records.put({
      peer: clusterIdSchema.parse(i.toString(16).padStart(64, '0')),
      name: `peer-${i}`,
      epoch: 1,
      mine: true,
      theirs: true,
      invitedByUs: false,
      inviterNonce: new Uint8Array(32),
      accepterNonce: new Uint8Array(32),
      confirmedHere: true,
      confirmedThere: true,
      endpoints: [],
      createdMs: 0,
      closed: false,
    });
  }
  await expect(links.accept({ token })).rejects.toMatchObject({ code: 'LINKS_FULL' });
});

test('a probe carries so many bytes; one more is INPUT_INVALID', async () => {
  const { parts } = await open();
  const served = [{ contract: linkPeerContract, service: createLinkPeer(parts) }];
  const caller = callerOf(clusterOf(crypto, 41), nodeOf(crypto, 42));
  const peer = remote(linkPeerContract, carrierTo(served, caller));
  const probe = (bytes: number) => peer.probe({ payload: new Uint8Array(bytes) });
  await expect(probe(probeBytesMax + 1)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
  await expect(probe(probeBytesMax)).resolves.toMatchObject({ receivedBytes: probeBytesMax });
});

test('a redeemer cannot begin counting links where numbers end', () => {
  const bytes = new Uint8Array(32);
  const standing = { epoch: 0, mine: true, confirmed: false, endpoints: [] };
  const { input } = linkPeerContract.methods.redeem;
  const given = { nonce: bytes, accepterNonce: bytes, standing };
  expect(input.safeParse({ ...given, lastEpoch: linkEpochMax }).success).toBe(true);
  const last = Number.MAX_SAFE_INTEGER;
  expect(input.safeParse({ ...given, lastEpoch: last }).success).toBe(false);
});

test('without a transport, federation is off and dialling says so', async () => {
  const { parts } = await open();
  const to = { node: nodeOf(crypto, 12), addresses: [] };
  const dial = async (): Promise<unknown> => parts.roster.dial(to, clusterOf(crypto, 11));
  await expect(dial()).rejects.toBeInstanceOf(HansaError);
  await expect(dial()).rejects.toMatchObject({ code: 'FEDERATION_OFF' });
});
