// A node of a cluster of several: it answers from the first moment to the last, by itself while it
// is active and through the active node while it stands by. Whoever is elected runs the cluster
// behind a fence; when the term is over, all of it is ended, and the node stands by again.
import { setMaxListeners } from 'node:events';
import {
  campaign,
  keepPresence,
  nodeTables,
  ownMode,
  type NodesHost,
  type Term,
} from '@hansa/capabilities/nodes/capability';
import {
  HansaError,
  isHansaError,
  type Entry,
  type NodeAddress,
  type NodeId,
  type Row,
} from '@hansa/foundation';
import { openNodePort, type Guest, type NodePort } from '@hansa/plane-tls';
import { endTerm, untilProcessGone } from './active-watch.ts';
import { openApiFront } from './api-front.ts';
import type { Opening } from './opening.ts';
import type { Front } from './front.ts';
import { guestsToo, receive, type Guests } from './guests.ts';
import { etcdChoice, openMemberGround, type MemberGround } from './member-ground.ts';
import { passingOn, type PassingOn } from './passing-on.ts';
import { readPorts, rememberPorts } from './ports.ts';
import { openReplicas, type Replicas } from './replicas.ts';
import { runCluster, type RunningCluster } from './run-cluster.ts';
import type { RunningNode } from './running-node.ts';
import { undoAll } from './undoing.ts';
import { hansaVersion } from './version.ts';

const passGraceMs = 5_000; // for answers that are under way when a node that stands by is stopped
const againMs = 1_000; // before a term is tried again that ended in a failure

interface Member {
  readonly base: Opening;
  readonly ground: MemberGround;
  readonly front: Front;
  readonly url: string;
  readonly port: NodePort;
  readonly replicas: Replicas;
  /** Of the node's whole life. */
  readonly ending: AbortController;
  /** How guests of other nodes come in while this node is active. */
  readonly guests: Guests;
  /** Told once, by whichever comes first: a term, or another node's. */
  readonly settled: {
    tell(how: RunningCluster | 'standby'): void;
    fail(error: unknown): void;
  };
  passing: PassingOn | undefined;
  /** Whose term is followed, as the store counts its key; and its end. */
  term: { readonly modRevision: number | undefined; readonly over: AbortController };
  mode: 'serving' | 'draining';
  /** Aborts when the mode changes. */
  changed: AbortController;
  stopAsked(): void;
}

export async function startMember(given: Opening): Promise<RunningNode> {
  const ground = await openMemberGround(given);
  const { name, nodeName } = ground;
  const base: Opening = { ...given, config: { ...given.config, name, nodeName } };
  const { front, url } = await openApiFront(base, ground.node);
  const guests: Guests = { replicas: undefined, way: undefined, sockets: new Map() };
  const port = await openPort(base, ground, (guest) => receive(guest, guests));
  const replicas = await openReplicas({ base, ground, port });
  guests.replicas = replicas;
  let stopAsked = (): void => undefined;
  const asked = new Promise<void>((resolve) => {
    stopAsked = resolve;
  });
  const { first, settled } = firstTold();
  const member: Member = {
    base,
    ground,
    front,
    url,
    port,
    replicas,
    ending: new AbortController(),
    guests,
    settled,
    passing: undefined,
    term: { modRevision: undefined, over: endlessly() },
    mode: 'serving',
    changed: new AbortController(),
    stopAsked,
  };
  setMaxListeners(0, member.ending.signal);
  const living = Promise.all([stayPresent(member), followMode(member), takeTurns(member)]);
  const stop = async (): Promise<void> => {
    await front.shut();
    const { passing } = member;
    member.ending.abort(new HansaError('SHUTTING_DOWN', 'the node is stopping'));
    await living.catch((error: unknown) => base.log.problem('node.stop-failed', error));
    await passing?.end(passGraceMs);
    await undoAll(base);
  };
  base.undo.push(async () => member.ending.abort());
  // Given up while nobody can be elected: etcd may be without a majority.
  base.signal.addEventListener('abort', () => settled.fail(base.signal.reason), { once: true });
  const how = await first;
  const context = ground.founded ? name : `${name}.${nodeName}`;
  const common = { name, context, url, stopAsked: asked, stop };
  return how === 'standby'
    ? {
        ...common,
        cluster: ground.cluster,
        founded: false,
        problem: undefined,
        ownerCode: undefined,
        standsBy: true,
      }
    : { ...how, ...common, founded: ground.founded, standsBy: false };
}

function firstTold(): {
  readonly first: Promise<RunningCluster | 'standby'>;
  readonly settled: Member['settled'];
} {
  let settled: Member['settled'] = { tell: () => undefined, fail: () => undefined };
  const first = new Promise<RunningCluster | 'standby'>((resolve, reject) => {
    settled = { tell: resolve, fail: reject };
  });
  first.catch(() => undefined); // whoever waits for it is told
  return { first, settled };
}

async function openPort(
  { config, log, undo }: Opening,
  { seed, records, codec }: MemberGround,
  arrived: (guest: Guest) => void,
): Promise<NodePort> {
  const { members } = nodeTables(records, codec);
  const open = (number: number): Promise<NodePort> =>
    openNodePort({
      seed,
      bind: { host: config.nodeHost, port: number },
      expects: async (node) => (await members.get(node)) !== undefined,
      arrived,
      log,
    });
  const remembered = (await readPorts(config.data)).node ?? 0;
  const port =
    config.nodePort !== 0
      ? await open(config.nodePort)
      : await open(remembered).catch((error: unknown) => {
          if (isHansaError(error, 'PORT_TAKEN') && remembered !== 0) {
            return open(0);
          }
          throw error;
        });
  undo.push(() => port.close());
  await rememberPorts(config.data, { node: portNumber(port) });
  return port;
}

function portNumber({ addresses: [first] }: NodePort): number | undefined {
  return first === undefined ? undefined : Number(first.slice(first.lastIndexOf(':') + 1));
}

function stayPresent({ base, ground, url, port, ending }: Member): Promise<void> {
  const { clock, log } = base;
  const { records: store, codec, node } = ground;
  const { addresses: ports } = port;
  const presence = { node, api: url, ports, version: hansaVersion };
  return keepPresence({ store, codec, clock, log }, () => presence, ending.signal);
}

/** A node that was removed stops by itself. */
async function followMode(member: Member): Promise<void> {
  const { base, ground, ending } = member;
  const needs = { store: ground.records, codec: ground.codec, clock: base.clock };
  for await (const mode of ownMode(needs, ground.node, ending.signal)) {
    if (mode === undefined) {
      base.log.event('nodes.removed', { node: ground.node });
      member.stopAsked();
      return;
    }
    if (mode !== member.mode) {
      member.mode = mode;
      member.changed.abort(new HansaError('SHUTTING_DOWN', `the node is ${mode} from now on`));
      member.changed = new AbortController();
    }
  }
}

/** By turns: standing by until elected, then active until the term is over. */
async function takeTurns(member: Member): Promise<void> {
  const { base, ending, settled } = member;
  const { signal } = ending;
  while (!signal.aborted) {
    try {
      const term = await standBy(member);
      if (term !== undefined && member.mode === 'draining') {
        await term.resign(); // it was told so at the very moment of its election
      } else if (term !== undefined) {
        await serveTerm(member, term);
      }
    } catch (error) {
      if (signal.aborted) {
        return;
      }
      base.log.problem('nodes.term-failed', error);
      settled.fail(error);
      await base.clock.sleep(againMs, signal).catch(() => undefined);
    }
  }
}

/** Undefined where the node was told something else meanwhile. */
async function standBy(member: Member): Promise<Term | undefined> {
  const { base, ground, ending } = member;
  const elsewhere = new AbortController();
  const following = followActive(member, elsewhere.signal);
  const until = AbortSignal.any([ending.signal, member.changed.signal]);
  const { clock, log } = base;
  const { store, codec, node } = ground;
  try {
    if (member.mode === 'draining') {
      await untilAborted(until);
      return undefined;
    }
    return await campaign({ store, codec, clock, log, node }, until);
  } catch (error) {
    if (until.aborted) {
      return undefined;
    }
    throw error;
  } finally {
    elsewhere.abort();
    await following;
  }
}

function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    if (signal.aborted) {
      resolve();
    }
    signal.addEventListener('abort', () => resolve(), { once: true });
  });
}

/** Passes on to whichever node is active, for as long as this one stands by. */
async function followActive(member: Member, signal: AbortSignal): Promise<void> {
  const { base, ground, front } = member;
  const { records, codec } = ground;
  const { active } = nodeTables(records, codec);
  const key = active.key();
  let seen = new AbortController();
  const turnTo = async (entry: Entry | null): Promise<void> => {
    seen.abort();
    seen = new AbortController();
    const until = AbortSignal.any([signal, seen.signal]);
    await passTo(member, entry === null ? undefined : active.row(entry), until);
  };
  while (!signal.aborted) {
    try {
      const { entry, revision } = await records.get(key);
      await turnTo(entry);
      for await (const batch of records.watch({ key }, { from: revision, signal })) {
        const last = 'events' in batch ? batch.events.at(-1) : undefined;
        if (last !== undefined) {
          await turnTo(last.entry);
        }
      }
    } catch (error) {
      if (!signal.aborted) {
        base.log.event('nodes.not-following', { reason: String(error) });
        await base.clock.sleep(againMs, signal).catch(() => undefined);
      }
    }
  }
  seen.abort();
  front.turn(undefined);
}

/** What was passed on to whoever was active before is over. */
function followNext(member: Member, modRevision: number | undefined): void {
  member.term.over.abort();
  member.term = { modRevision, over: endlessly() };
}

/** One that any number of connections listen to. */
function endlessly(): AbortController {
  const over = new AbortController();
  setMaxListeners(0, over.signal);
  return over;
}

async function passTo(
  member: Member,
  row: Row<{ readonly node: NodeId }> | undefined,
  signal: AbortSignal,
): Promise<void> {
  const { ground, front, port, base, settled } = member;
  const { records, codec } = ground;
  const node = row?.value.node;
  if (row?.modRevision !== member.term.modRevision) {
    followNext(member, row?.modRevision);
  }
  const presence =
    node === undefined ? undefined : await nodeTables(records, codec).presence.get(node);
  if (row === undefined || node === undefined || node === ground.node || presence === undefined) {
    front.turn(undefined);
    return;
  }
  const active = { node, addresses: presence.value.ports };
  const termOver = member.term.over.signal;
  member.passing = passingOn({ port, active, termOver, log: base.log, otherwise: front.again });
  front.turn(member.passing.way);
  settled.tell('standby');
  replaceWhenGone(member, { active, modRevision: row.modRevision }, signal).catch(
    (error: unknown) => {
      if (!signal.aborted) {
        base.log.event('nodes.not-watching', { reason: String(error) });
      }
    },
  );
}

/**
 * Ends the term of a node whose process is gone, without waiting for its lease. Were it alive all
 * the same, it could write nothing from then on: its fence is gone with the key.
 */
async function replaceWhenGone(
  { ground, port, base }: Member,
  term: { readonly active: NodeAddress; readonly modRevision: number },
  signal: AbortSignal,
): Promise<void> {
  const { records, codec } = ground;
  const { active, modRevision } = term;
  await untilProcessGone({ port, clock: base.clock, active }, signal);
  base.log.event('nodes.active-gone', { node: active.node });
  const key = nodeTables(records, codec).active.key();
  await endTerm({ store: records, clock: base.clock }, { key, modRevision }, signal);
}

async function serveTerm(member: Member, term: Term): Promise<void> {
  const { base, ground, front, guests, replicas, settled, ending } = member;
  const { signal } = member.changed;
  followNext(member, undefined);
  const opening: Opening = { ...base, undo: [], signal: term.over };
  try {
    const behind = await ground.behind(term.fence);
    const cluster = await runCluster(opening, {
      ground: { ...behind, blobs: replicas.blobs, nearby: () => replicas.nearby() },
      front: guestsToo(front, guests),
      host: hostOf(member),
      requireHeld: () => requireHeld(term),
    });
    const looking = replicas.keepCopies(term.over);
    const compacting = ground.etcd.keepCompacting(term.over).catch(() => undefined);
    settled.tell(cluster);
    void cluster.stopAsked.then(member.stopAsked);
    await untilAborted(AbortSignal.any([term.over, signal, ending.signal]));
    if (!term.over.aborted) {
      await undoAll(opening);
    }
    await term.resign();
    await Promise.all([looking, compacting]);
  } finally {
    await undoAll(opening);
    await term.resign();
  }
}

function requireHeld(term: Term): void {
  if (!term.isHeld()) {
    throw new HansaError('NODE_DEPOSED', 'this node is not active any more');
  }
}

function hostOf({ base, ground, replicas }: Member): NodesHost {
  return {
    storeUrl: etcdChoice(base.config).url,
    sealFor: (secret) => ground.sealFor(secret),
    copies: () => replicas.found(),
  };
}
