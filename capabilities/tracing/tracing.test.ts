// Traces, differences and evidence over a simulated federation: what each cluster tells of its
// part, and what the independent checker makes of what a node exports.
import { createNodeCrypto } from '@hansa/crypto-node';
import { federatedId, splitFederatedId, utf8, type FederatedId } from '@hansa/foundation';
import { verifyEvidence, type Report } from '@hansa/verify';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { commandNamed, runCommand } from '../../testkit/command-context.ts';
import { createActs, federatedName, idOf, type Acts } from '../../testkit/federation-acts.ts';
import { createFederation, type Federation } from '../../testkit/federation.ts';
import { noteOps } from '../../testkit/note-kind.ts';
import { callerOf, clusterOf, nodeOf } from '../../testkit/test-cluster.ts';
import type { Services } from '../../testkit/simulated-cluster.ts';
import { tracingCommands } from './cli.ts';
import type { DiffRow, EvidenceItem, Trace, TracedHop } from './contract.ts';
import { createTracingPeer, type TracingPeerNeeds } from './peer-service.ts';
import { readChangeId } from './spelling.ts';

let made: Federation;
let acts: Acts;
let name: string;
let resource: string;

const of = (cluster: string): Services => made.cluster(cluster).services;

beforeEach(async () => {
  made = await createFederation({ seed: 7, clusters: ['lubeck', 'bergen', 'visby'] });
  acts = createActs(made);
  await made.link('lubeck', 'bergen');
  await made.link('lubeck', 'visby');
  name = await made.complete(acts.create('lubeck'));
  resource = federatedName(made, 'lubeck', name);
  await share('bergen');
  await write('first', 'a text', 'attached to it');
  await made.complete(acts.mirror('bergen', name));
  await current('bergen');
});

afterEach(() => made.close());

async function share(peer: string): Promise<void> {
  const rule = { owner: 'lubeck', peer, name, verbs: ['see', 'pull'], effect: 'allow' } as const;
  await made.complete(acts.share(rule));
}

/** The sequence of what was written. */
async function write(key: string, text: string, attachment?: string): Promise<number> {
  const { log, disk } = of('lubeck');
  const needs = { blobs: disk.blobs, crypto: made.crypto };
  const ops = await made.complete(noteOps(needs, [{ key, text, attachment }]));
  const { sequence } = await made.complete(log.append(idOf(name), ops, { author: 'ada' }));
  return sequence;
}

async function current(peer: string): Promise<void> {
  const at = (): number | undefined => of('lubeck').log.point(idOf(name))?.sequence;
  await made.until(
    `${peer} is current`,
    async () => {
      const { mirrors } = await of(peer).sync.list({});
      return mirrors.some(
        ({ applied, state }) => state === 'current' && applied?.sequence === at(),
      );
    },
    30_000,
  );
  await made.run(5_000); // a beat tells the owner
}

function stepsAt(trace: Trace, where: string): readonly string[] {
  return trace.hops.filter((hop) => hop.where === where).map(({ step }) => step);
}

function hop(trace: Trace, where: string, step: string): TracedHop | undefined {
  return trace.hops.find((each) => each.where === where && each.step === step);
}

const trace = (cluster: string, change: string): Promise<Trace> =>
  made.complete(of(cluster).tracing.trace({ change }));

describe('a trace', () => {
  test('at a mirror shows what the owner did and what was done here, in order and with times', async () => {
    const sequence = await write('second', 'more', 'attached as well');
    await current('bergen');
    const found = await trace('bergen', `lubeck:note/${name}`);
    expect(found.id).toBe(`${resource}#1/${sequence}`);
    expect(stepsAt(found, 'lubeck')).toEqual(['written', 'signed']);
    expect(stepsAt(found, 'bergen')).toEqual([
      'signed',
      'received',
      'fetched',
      'verified',
      'applied',
    ]);
    expect(hop(found, 'lubeck', 'written')?.sentence).toContain('by ada');
    expect(hop(found, 'bergen', 'fetched')?.sentence).toMatch(
      /bytes of blobs were asked of lubeck/,
    );
    const [received, applied] = ['received', 'applied'].map((step) => hop(found, 'bergen', step));
    expect(applied?.atMs).toBeGreaterThanOrEqual(received?.atMs ?? Number.NaN);
    expect(found.unknown).toEqual(['which other clusters have it is told to its owner alone']);
  });

  test('at the owner shows who holds it since when, and what they did with it', async () => {
    const sequence = await write('second', 'more');
    await current('bergen');
    const found = await trace('lubeck', `${name}#1/${sequence}`);
    expect(stepsAt(found, 'bergen')).toEqual(['signed', 'received', 'verified', 'applied', 'held']);
    expect(hop(found, 'bergen', 'held')?.atMs).toBeGreaterThan(0);
    expect(stepsAt(found, 'visby')).toEqual([]);
    expect(found.hops[0]).toMatchObject({ where: 'lubeck', step: 'written' });
  });

  test.each([
    ['a whole id', () => `${resource}#1/`],
    ['our name for the owner', () => `lubeck:note/${name}#1/`],
    ['the present epoch', () => `lubeck:note/${name}#`],
  ])('is found by %s', async (_form, spelled) => {
    const sequence = of('lubeck').log.point(idOf(name))?.sequence;
    const found = await trace('bergen', `${spelled()}${sequence}`);
    expect(found.id).toBe(`${resource}#1/${sequence}`);
  });

  test('of a change that is not there yet says where it waits, or that there is none', async () => {
    made.partition('lubeck', 'bergen');
    const sequence = await write('second', 'more');
    const waiting = await trace('bergen', `${resource}#1/${sequence}`);
    expect(stepsAt(waiting, 'bergen')).toEqual(['waiting']);
    expect(waiting.unknown[0]).toContain('lubeck has not told its part');
    await expect(trace('lubeck', `${name}#1/999999`)).rejects.toMatchObject({
      code: 'CHANGE_NOT_FOUND',
    });
    await expect(trace('visby', resource)).rejects.toMatchObject({ code: 'MIRROR_NOT_FOUND' });
  });

  test('after a restart says what is not remembered', async () => {
    made.crash('bergen');
    await made.restart('bergen');
    await made.run(10_000);
    const found = await trace('bergen', resource);
    expect(hop(found, 'bergen', 'applied')).toMatchObject({
      sentence: expect.stringContaining('is not remembered'),
      atMs: expect.any(Number),
    });
  });

  test('finds a change between thousands', async () => {
    const { log } = of('lubeck');
    const put = { key: utf8('first'), value: utf8('again'), blobs: [] };
    const sequences: number[] = [];
    for (let i = 0; i < 1_200; i += 1) {
      const { sequence } = await made.complete(
        log.append(idOf(name), [{ put }], { author: `writer ${i}` }),
      );
      sequences.push(sequence);
    }
    for (const at of [0, 1, 998, 999, 1_000, 1_001, 1_199]) {
      const found = await trace('lubeck', `${name}#1/${sequences[at]}`);
      expect(hop(found, 'lubeck', 'written')?.sentence).toContain(`writer ${at} `);
    }
  });

  test.each(['#1/2', 'a#b', 'a#1/2/3', 'a#1/', 'a#1#2', 'a#-1'])('"%s" is no id', (spelled) => {
    expect(() => readChangeId(spelled)).toThrow(/is no id of a change/);
  });
});

describe('what a peer is told', () => {
  const crypto = createNodeCrypto();
  const lubeck = clusterOf(crypto, 1);
  const bergen = clusterOf(crypto, 11);
  const visby = clusterOf(crypto, 21);
  const theirs = federatedId(bergen, idOf('theirs'));

  const needs = {
    signer: { cluster: lubeck, name: 'lubeck' },
    peers: { standing: () => ({ name: 'bergen' }) },
    enforcement: { visible: () => new Set<string>() },
    mirrors: {
      find: (id: FederatedId) =>
        id === theirs ? { state: 'current', applied: { epoch: 1, sequence: 9 } } : undefined,
      batches: () => [],
    },
    lanes: async () => [],
  } as unknown as TracingPeerNeeds;

  const ask = (peer: typeof bergen, id: FederatedId): Promise<unknown> =>
    createTracingPeer(needs).hops(
      { resource: id, epoch: 1, sequence: 5 },
      { caller: callerOf(peer, nodeOf(crypto, 11)) },
    );

  test('the owner of what we mirror learns of our part', async () => {
    await expect(ask(bergen, theirs)).resolves.toMatchObject({ hops: [{ step: 'applied' }] });
  });

  test.each([
    ['another owner’s resource that we hold', () => ask(visby, theirs)],
    ['one of ours that is not shared', () => ask(visby, federatedId(lubeck, idOf('own')))],
    ['one that is nowhere', () => ask(visby, federatedId(visby, idOf('none')))],
  ])('%s is answered like what does not exist', async (_what, asked) => {
    await expect(asked()).rejects.toMatchObject({
      code: 'RESOURCE_NOT_FOUND',
      message: expect.stringMatching(/^there is no .* here for you$/),
    });
  });
});

describe('a difference', () => {
  const diff = async (cluster: string, what?: string): Promise<readonly DiffRow[]> =>
    (await made.complete(of(cluster).tracing.diff({ of: what }))).rows;

  test('of what is current has nothing to name', async () => {
    const [row] = await diff('bergen', resource);
    expect(row).toMatchObject({ step: 'current', side: 'theirs', changes: [], missingBytes: 0 });
    expect(row?.held?.digest).toBe(row?.head?.digest);
    expect(await diff('lubeck')).toEqual([]);
  });

  test('where the owner is away says so, with what is known', async () => {
    made.partition('lubeck', 'bergen');
    await write('second', 'more');
    await made.run(60_000);
    const [row] = await diff('bergen', 'lubeck');
    expect(row).toMatchObject({ step: 'wait', state: 'waiting', peerName: 'lubeck' });
    expect(row?.reason).toMatch(/lubeck/);
  });

  test('at the owner names each change that a peer lacks', async () => {
    made.crash('bergen');
    const sequences = [await write('second', 'more'), await write('third', 'and more')];
    const [row] = await diff('lubeck', 'bergen');
    expect(row).toMatchObject({ side: 'ours', step: 'pull', state: 'connected', more: false });
    expect(row?.changes.map(({ id }) => id)).toEqual(
      sequences.map((sequence) => `${resource}#1/${sequence}`),
    );
    expect(row?.changes[0]).toMatchObject({ author: 'ada', ops: 1 });
  });

  test('of a mirror that cannot apply names the changes, the blobs and why', async () => {
    const rule = { owner: 'lubeck', peer: 'visby', name, verbs: ['see', 'pull'] } as const;
    await made.complete(acts.share({ ...rule, effect: 'allow' }));
    const second = await write('second', 'more', 'a'.repeat(5_000));
    made.flip('lubeck', 'visby', { probability: 1, traffic: ['bulk'] });
    await made.complete(acts.mirror('visby', name));
    await made.run(20_000);
    const [row] = await diff('visby', resource);
    expect(row?.step).toBe('pull');
    expect(row?.changes.at(-1)?.id).toBe(`${resource}#1/${second}`);
    expect(row?.blobs.map(({ sizeBytes }) => sizeBytes)).toContain(5_000);
    expect(row?.missingBytes).toBeGreaterThanOrEqual(5_000);
    expect(row?.reason).toMatch(/blob|answer|connection/i);
  });

  test('of an unknown peer is an error, as everywhere', async () => {
    await expect(diff('bergen', 'nobody')).rejects.toMatchObject({ code: 'LINK_NOT_FOUND' });
  });
});

describe('evidence', () => {
  async function evidence(
    cluster: string,
    input: { resource: string; since?: number },
  ): Promise<EvidenceItem[]> {
    const items: EvidenceItem[] = [];
    const gather = async (): Promise<void> => {
      for await (const item of of(cluster).tracing.evidence(input)) {
        items.push(item);
      }
    };
    await made.complete(gather());
    return items;
  }

  const check = (items: readonly EvidenceItem[]): Report => {
    const written = JSON.stringify({ format: 'hansa/evidence/1', evidence: items });
    const data: unknown = JSON.parse(written);
    return verifyEvidence([{ name: 'a', data }], { atMs: made.time.now() });
  };

  test('of the owner verifies, with all entries', async () => {
    const items = await evidence('lubeck', { resource: name });
    expect(items.map(({ kind }) => kind)).toEqual(['key-log', 'certificate', 'head', 'entries']);
    expect(check(items).verdicts.filter(({ verified }) => !verified)).toEqual([]);
  });

  test('of a mirror verifies without the owner', async () => {
    made.crash('lubeck');
    const items = await evidence('bergen', { resource });
    expect(items.map(({ kind }) => kind)).toEqual(['key-log', 'head', 'entries']);
    expect(check(items).verified).toBe(true);
    expect(splitFederatedId(resource as FederatedId).name).toBe(name);
  });

  test('of changes verifies from the beginning, and from a later point', async () => {
    const { log } = of('lubeck');
    const put = { key: utf8('first'), value: utf8('again'), blobs: [] };
    for (let i = 0; i < 1_100; i += 1) {
      await made.complete(log.append(idOf(name), [{ put }], { author: 'ada' }));
    }
    const all = await evidence('lubeck', { resource: name, since: 0 });
    const whole = check(all);
    expect(whole.verdicts.filter(({ verified }) => !verified)).toEqual([]);
    expect(whole.verdicts.at(-1)?.sentence).toContain('from the first one on');
    const last = log.point(idOf(name))?.sequence ?? 0;
    const late = check(await evidence('lubeck', { resource: name, since: last }));
    expect(late.verified).toBe(true);
    expect(late.verdicts.at(-1)?.sentence).toContain('after ');
  });

  test('that somebody changed does not', async () => {
    const items = await evidence('bergen', { resource });
    const spoilt = items.map((item) =>
      item.kind === 'entries' ? { ...item, entries: item.entries.slice(1) } : item,
    );
    expect(check(spoilt).verified).toBe(false);
  });

  test('of the changes of a mirror is not there: it keeps entries', async () => {
    await expect(evidence('bergen', { resource, since: 0 })).rejects.toMatchObject({
      code: 'INPUT_INVALID',
    });
    await expect(evidence('visby', { resource })).rejects.toMatchObject({
      code: 'MIRROR_NOT_FOUND',
    });
  });
});

describe('the commands', () => {
  test('hansa trace draws one line for each hop, and says what is not known', async () => {
    const answer = await trace('bergen', resource);
    const { shown, output } = await runCommand(commandNamed(tracingCommands, 'trace'), {
      answers: { 'tracing.trace': answer },
      args: { change: resource },
    });
    expect(shown).toContain('lubeck|written|');
    expect(shown).toContain('bergen|applied|');
    expect(shown).toContain('not known: which other clusters');
    expect(output.data).toEqual(answer);
  });

  test('hansa sync diff hides what is current, and names the next step', async () => {
    const answer = await made.complete(of('bergen').tracing.diff({}));
    const line = { answers: { 'tracing.diff': answer } };
    const command = commandNamed(tracingCommands, 'sync diff');
    expect((await runCommand(command, line)).shown).toContain('Everything is applied.');
    const all = await runCommand(command, { ...line, options: { all: true } });
    expect(all.shown).toContain('current');
  });

  test('hansa evidence export writes what hansa verify reads', async () => {
    const { output } = await runCommand(commandNamed(tracingCommands, 'evidence export'), {
      answers: { 'tracing.evidence': [] },
      args: { resource: name },
    });
    expect(output.view).toEqual({ kind: 'text', text: JSON.stringify(output.data) });
    await expect(
      runCommand(commandNamed(tracingCommands, 'evidence export'), {
        answers: {},
        args: { resource: name },
        options: { since: 'yesterday' },
      }),
    ).rejects.toMatchObject({ code: 'USAGE' });
  });
});
