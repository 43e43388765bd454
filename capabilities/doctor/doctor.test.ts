// The doctor over a simulated federation: each thing that can be wrong is made wrong, and the one
// answer has to name it.
import { errorCodes, remote, type ClusterId, type NodeId } from '@hansa/foundation';
import { createNodeCrypto } from '@hansa/crypto-node';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { commandNamed, runCommand } from '../../testkit/command-context.ts';
import { createActs, federatedName, type Acts } from '../../testkit/federation-acts.ts';
import { createFederation, type Federation } from '../../testkit/federation.ts';
import { callerOf, carrierTo, clusterOf, nodeOf } from '../../testkit/test-cluster.ts';
import type { Mirror } from '../sync/contract.ts';
import { doctorCommands } from './cli.ts';
import type { Examination, Finding } from './contract.ts';
import { isFault } from './contract.ts';
import { judgeLink } from './judging-link.ts';
import { judgeNode } from './judging-node.ts';
import { judgePeer } from './judging-peer.ts';
import type { DoctorNeeds, LinkFacts } from './looking.ts';
import { createDoctorPeer } from './peer-service.ts';
import { verdictOf } from './service.ts';
import { doctorPeerContract, probeBytesMax } from './wire.ts';

let made: Federation;
let acts: Acts;

afterEach(() => made.close());

async function start(options = {}): Promise<void> {
  made = await createFederation({ seed: 11, clusters: ['lubeck', 'bergen'], options });
  acts = createActs(made);
}

async function linked(options = {}): Promise<void> {
  await start(options);
  await made.link('lubeck', 'bergen');
  await made.run(5_000);
}

async function examine(at: string, peer?: string): Promise<Examination> {
  const { doctor } = made.cluster(at).services;
  return made.complete(doctor.examine({ peer }), 60_000);
}

function named(found: Examination, check: string, side?: string): Finding | undefined {
  const all = [...found.links.flatMap(({ findings }) => findings), ...found.node];
  return all.find((each) => each.check === check && (side === undefined || each.side === side));
}

describe('a link that is well', () => {
  beforeEach(() => linked());

  test('is said to be, from both ends and with everything that was looked at', async () => {
    const found = await examine('lubeck', 'bergen');
    expect(found).toMatchObject({ healthy: true, verdict: 'the node and its link are well' });
    const [link] = found.links;
    expect(link).toMatchObject({ name: 'bergen', answered: true, healthy: true });
    expect(link?.findings.filter(({ passed }) => !passed)).toEqual([]);
    const checks = new Set(link?.findings.map(({ check }) => check));
    const wanted =
      'trust, link record, keys, addresses, dial, handshake, check words, protocol, clock, ' +
      'round trip, frame size, beats, store, certificate, our keys, dial back, far status, ' +
      'copies of ours, mirrors';
    expect([...checks]).toEqual(expect.arrayContaining(wanted.split(', ')));
    expect(named(found, 'dial back')?.finding).toMatch(/^reached at lubeck.test/);
  });

  test('is among all links where no peer is named', async () => {
    const found = await examine('bergen');
    expect(found.links.map(({ name }) => name)).toEqual(['lubeck']);
    expect(found.node.map(({ check }) => check)).toContain('federation');
  });

  test('of an unknown name is an error', async () => {
    await expect(examine('lubeck', 'nobody')).rejects.toMatchObject({ code: 'LINK_NOT_FOUND' });
  });
});

describe('what is wrong is the answer', () => {
  test('a peer that is gone', async () => {
    await linked();
    made.crash('bergen');
    await made.run(20_000);
    const found = await examine('lubeck', 'bergen');
    expect(found).toMatchObject({ healthy: false, code: 'DIAL_FAILED' });
    expect(found.verdict).toContain('no node of bergen answers at bergen.test:7443');
    expect(found.fix).toContain('is its node up');
    expect(found.links[0]).toMatchObject({ answered: false });
  });

  test('a wall between both', async () => {
    await linked();
    made.partition('lubeck', 'bergen');
    await made.run(30_000);
    const found = await examine('bergen', 'lubeck');
    expect(found.code).toBe('DIAL_FAILED');
  });

  test('check words that nobody has compared, which is when both ends answer already', async () => {
    await start();
    const { links } = made.cluster('lubeck').services;
    const { token } = await made.complete(links.invite({}));
    await made.complete(made.cluster('bergen').services.links.accept({ token }));
    await made.run(3_000);
    const found = await examine('bergen', 'lubeck');
    expect(found).toMatchObject({ healthy: false, code: 'LINK_PENDING' });
    expect(found.fix).toBe('compare the words with lubeck, then: hansa link confirm lubeck');
    expect(found.links[0]?.answered).toBe(true);
    await made.complete(made.cluster('bergen').services.links.confirm({ peer: 'lubeck' }));
    const later = await examine('bergen', 'lubeck');
    expect(later.fix).toContain('have lubeck compare the words');
  });

  test('a clock that is off', async () => {
    await linked({ clocks: { bergen: { skewMs: 50_000 } } });
    made.cluster('bergen').setSkew(90_000);
    await made.run(3_000);
    const found = await examine('lubeck', 'bergen');
    expect(named(found, 'clock')).toMatchObject({ passed: false, side: 'between' });
    expect(named(found, 'clock')?.finding).toMatch(/is (8|9)\d{4} ms from ours/);
    expect(found.healthy).toBe(false);
  });

  test('a link that was closed at the other end', async () => {
    await linked();
    await made.complete(made.cluster('bergen').services.links.close({ peer: 'lubeck' }));
    await made.run(20_000);
    const found = await examine('lubeck', 'bergen');
    expect(found.healthy).toBe(false);
    expect(found.verdict).toMatch(/closed this link|holds no link|not up/);
    expect(named(found, 'dial')?.passed).toBe(true);
  });

  test('a link that was closed here', async () => {
    await linked();
    await made.complete(made.cluster('lubeck').services.links.close({ peer: 'bergen' }));
    const found = await examine('lubeck', 'bergen');
    expect(found).toMatchObject({ code: 'LINK_CLOSED', fix: expect.stringContaining('invite') });
    expect((await examine('lubeck')).links).toEqual([]);
  });

  test('mirrors that are no longer shared are a note, and name themselves', async () => {
    await linked();
    const name = await made.complete(acts.create('lubeck'));
    const rule = { owner: 'lubeck', peer: 'bergen', name, verbs: ['see', 'pull'] } as const;
    const shared = await made.complete(acts.share({ ...rule, effect: 'allow' }));
    await made.complete(acts.mirror('bergen', name));
    const mirror = { resource: federatedName(made, 'lubeck', name) };
    const { sync } = made.cluster('bergen').services;
    const stands =
      (...states: readonly string[]) =>
      async (): Promise<boolean> =>
        states.includes((await sync.show(mirror)).state);
    await made.until('the mirror is current', stands('current'), 10_000);
    await made.complete(acts.unshare(shared));
    await made.until('the mirror is left alone', stands('absent', 'frozen'), 60_000);
    const found = await examine('bergen', 'lubeck');
    expect(named(found, 'shared')).toMatchObject({ passed: false, note: true });
    expect(named(found, 'shared')?.finding).toContain(name);
    expect(found.healthy).toBe(true);
  });
});

describe('what a peer is told', () => {
  const crypto = createNodeCrypto();
  const bergen: ClusterId = clusterOf(crypto, 11);
  const node: NodeId = nodeOf(crypto, 12);

  beforeEach(() => start());

  const peerOf = (name: string | undefined): ReturnType<typeof createDoctorPeer> => {
    const clock = made.time.view({});
    const needs = {
      clock,
      signer: { name: 'lubeck' },
      peers: { standing: () => ({ name }) },
      links: { show: async () => ({ status: 'live', endpoints: [] }) },
      identity: { show: async () => ({}) },
      keys: { present: () => ({ keyIndex: 0 }) },
      mirrors: { all: () => [] },
      facts: { version: '1\u0007' },
      contracts: () => [],
      store: { batchWrite: async () => ({}) },
      codec: made.codec,
      transport: undefined,
    } as unknown as DoctorNeeds;
    return createDoctorPeer(needs);
  };
  const call = { caller: callerOf(bergen, node) };

  test('is nothing where it holds no link', async () => {
    await expect(peerOf(undefined).examine({}, call)).rejects.toMatchObject({
      code: 'LINK_NOT_FOUND',
    });
  });

  test('takes a probe of so many bytes; one more is INPUT_INVALID', async () => {
    const served = [{ contract: doctorPeerContract, service: peerOf('bergen') }];
    const peer = remote(doctorPeerContract, carrierTo(served, call.caller));
    const probe = (bytes: number) => peer.probe({ payload: new Uint8Array(bytes) });
    await expect(probe(probeBytesMax + 1)).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    await expect(probe(probeBytesMax)).resolves.toMatchObject({ receivedBytes: probeBytesMax });
  });

  test('is found out once a second at most; asked in between, it is told again', async () => {
    const peer = peerOf('bergen');
    const first = await peer.examine({}, call);
    expect(first).toMatchObject({ version: '1?', link: { status: 'live' } });
    await made.run(500);
    await expect(peer.examine({}, call)).resolves.toBe(first);
    await made.run(1_000);
    const next = await peer.examine({}, call);
    expect(next.nowMs - first.nowMs).toBe(1_500);
  });

  test('is found out once for all who ask at the same time', async () => {
    const peer = peerOf('bergen');
    const both = [peer.examine({}, call), peer.examine({}, call)] as const;
    expect(await both[0]).toBe(await both[1]);
  });
});

describe('what the other end has not told', () => {
  beforeEach(() => linked());

  const facts = async (answer: Partial<LinkFacts>): Promise<LinkFacts> => {
    const { links } = made.cluster('lubeck').services;
    const link = await made.complete(links.show({ peer: 'bergen' }));
    return {
      link,
      connected: true,
      blocked: false,
      reach: undefined,
      probe: { value: { offsetMs: 0, tookMs: 1, arrived: true, bytes: 1, theirMs: 7_400 } },
      view: { error: { code: 'TIMED_OUT', message: 'no answer' } },
      mirrors: [],
      spoken: {},
      ownKeyIndex: 0,
      added: [],
      ...answer,
    };
  };

  test.each([
    ['TIMED_OUT', 'TIMED_OUT', 'run hansa doctor there as well'],
    ['METHOD_UNKNOWN', 'PROTOCOL_MISMATCH', 'update bergen: it has no doctor to ask'],
  ] as const)('for %s is neither well nor wrong: unknown', async (code, shown, fix) => {
    const given = await facts({ view: { error: { code, message: 'no answer' } } });
    const findings = [...judgeLink(given), ...judgePeer(given)];
    expect(verdictOf(findings, 'well')).toEqual({
      healthy: false,
      unknown: true,
      verdict: 'bergen has not told its side: no answer',
      fix,
      code: shown,
    });
  });

  test('gives way to what is known to be wrong', async () => {
    const given = await facts({ blocked: true });
    const verdict = verdictOf([...judgePeer(given), ...judgeLink(given)], 'well');
    expect(verdict).toMatchObject({ healthy: false, code: 'CLUSTER_BLOCKED' });
    expect(verdict.unknown).toBeUndefined();
  });

  test('is said with its age where it was told again', async () => {
    const { doctor } = made.cluster('lubeck').services;
    await made.complete(doctor.examine({ peer: 'bergen' }), 60_000);
    await made.run(300);
    const again = await made.complete(doctor.examine({ peer: 'bergen' }), 60_000);
    expect(again.healthy).toBe(true);
    expect(named(again, 'far side')?.finding).toMatch(/told its side, \d+ ms before we asked/);
  });

  test('a history that its owner has lost comes before the symptoms of it', async () => {
    const lastError = { code: 'HEAD_REWOUND', message: 'behind your 2/440' } as const;
    const halted = { name: 'prices', state: 'halted', lastError } as unknown as Mirror;
    const given = await facts({ mirrors: [halted] });
    const link = { ...given.link, status: 'stalled', reason: '1 behind', silentMs: 900 } as const;
    const findings = judgeLink({ ...given, link });
    const found = verdictOf([...findings, ...judgePeer(given)], 'well');
    expect(found).toMatchObject({
      code: 'HEAD_REWOUND',
      fix: 'at bergen: hansa recover list, then adopt what we hold, or begin a new epoch',
    });
    expect(found.verdict).toContain('prices (halted: behind your 2/440)');
    const beats = findings.find(({ check }) => check === 'beats');
    expect(beats?.fix).toContain('its node answers: hansa sync diff');
    expect(judgePeer(given).filter(isFault)).toEqual([]);
  });
});

describe('this node', () => {
  beforeEach(() => start());

  const day = 24 * 3_600_000;
  const well = {
    nowMs: 10 * day,
    profile: {
      warnings: [],
      certificate: { serial: 1, notBeforeMs: 9 * day, notAfterMs: 15 * day },
    },
    store: { value: 3 },
    freeBytes: 2 ** 40,
    addresses: ['192.0.2.1:7443'],
    ways: [],
    rewound: [],
    added: [],
  } as unknown as Parameters<typeof judgeNode>[0];
  const failing = (facts: object): readonly Finding[] =>
    judgeNode({ ...well, ...facts }).filter(({ passed }) => !passed);

  test('with everything in order fails nothing', () => {
    expect(failing({})).toEqual([]);
  });

  test.each([
    ['a full disk', { store: { error: { code: 'DISK_FULL', message: 'full' } } }, 'DISK_FULL'],
    ['little space', { freeBytes: 1_000 }, 'DISK_FULL'],
    [
      'a certificate that does not renew itself',
      { nowMs: 15 * day - 3_600_000 },
      'CERTIFICATE_EXPIRED',
    ],
    [
      'a copy of the identity',
      {
        profile: {
          ...well.profile,
          warnings: [{ code: 'IDENTITY_TWICE', message: 'seen twice' }],
        },
      },
      'IDENTITY_TWICE',
    ],
    [
      'keys that are gone',
      {
        profile: { warnings: [], problem: { code: 'KEY_MISMATCH', message: 'another key' } },
        addresses: [],
      },
      'KEY_MISMATCH',
    ],
    [
      'a resource that is behind its own past',
      {
        rewound: [{ code: 'RESOURCE_REWOUND', message: 'kv/prices is', fix: 'hansa recover list' }],
      },
      'RESOURCE_REWOUND',
    ],
    ['no address', { addresses: [] }, 'FEDERATION_OFF'],
  ])('%s is the one thing that is wrong', (_what, facts, code) => {
    expect(failing(facts)).toMatchObject([{ code, side: 'here' }]);
  });
});

describe('hansa doctor', () => {
  beforeEach(() => linked());

  const command = commandNamed(doctorCommands, 'doctor');

  test('says one sentence where all is well, and exits with 0', async () => {
    const answer = await examine('lubeck');
    const { shown, output } = await runCommand(command, { answers: { 'doctor.examine': answer } });
    expect(shown).toContain('Healthy: the node and its link are well.');
    expect(output.exit).toBeUndefined();
    const all = await runCommand(command, {
      answers: { 'doctor.examine': answer },
      options: { all: true },
    });
    expect(all.shown).toContain('ok|clock|between|');
  });

  test('says that it does not know, and exits as what kept it from knowing does', async () => {
    const well = await examine('lubeck');
    const untold = {
      check: 'far side',
      side: 'there',
      passed: false,
      unknown: true,
      finding: 'bergen has not told its side',
      code: 'TIMED_OUT',
    } as const;
    const links = well.links.map((link) => ({ ...link, findings: [untold] }));
    const answer = { ...well, healthy: false, unknown: true, verdict: 'bergen is silent', links };
    const { shown, output } = await runCommand(command, { answers: { 'doctor.examine': answer } });
    expect(shown).toContain('Unknown: bergen is silent.');
    expect(shown).toContain('?|far side|there|');
    expect(output.exit).toBe(errorCodes.TIMED_OUT.exit);
  });

  test('names what to do, and exits with the code of the gravest fault', async () => {
    made.crash('bergen');
    await made.run(20_000);
    const answer = await examine('lubeck');
    const { shown, output } = await runCommand(command, { answers: { 'doctor.examine': answer } });
    expect(shown).toContain('Not healthy: bergen: no node of bergen answers');
    expect(shown).toContain('To do: is its node up');
    expect(output.exit).toBe(errorCodes.DIAL_FAILED.exit);
  });
});
