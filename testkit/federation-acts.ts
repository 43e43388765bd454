// What owners of simulated clusters do, one at a time or all at once: every act may be refused, or
// be left without an answer by a crash, and the model of what is allowed keeps up with either.
import type { Verb } from '@hansa/capabilities/policies/contract';
import { isHansaError, localId, type LocalId } from '@hansa/foundation';
import { holdWhatIsPut } from '../capabilities/forge/holding.ts';
import type { Federation } from './federation.ts';
import { noteKindName, noteOps, type NoteLine } from './note-kind.ts';
import type { AskedRule, ModelRule } from './sharing-model.ts';
import type { Services, SimulatedCluster } from './simulated-cluster.ts';
import { contentOf } from './wire-watch.ts';

/** `unknown`: the process died before it answered. */
export type Outcome = 'done' | 'refused' | 'unknown';

export interface Acts {
  /** Names of all notes that were ever made, with their owner. */
  readonly notes: ReadonlyMap<string, string>;
  create(owner: string, name?: string): Promise<string>;
  remove(name: string): Promise<Outcome>;
  append(name: string, large?: boolean): Promise<Outcome>;
  share(rule: ModelRule): Promise<AskedRule>;
  unshare(rule: AskedRule): Promise<Outcome>;
  mirror(cluster: string, name: string): Promise<Outcome>;
  unmirror(cluster: string, name: string): Promise<Outcome>;
  /** Invites at the first, accepts at the second, confirms at both. */
  link(a: string, b: string): Promise<Outcome>;
  unlink(a: string, b: string): Promise<Outcome>;
  /** From its acknowledgement on, nothing may get from the first to the second. */
  block(owner: string, peer: string): Promise<Outcome>;
  unblock(owner: string, peer: string): Promise<Outcome>;
  attempt(
    cluster: string,
    what: string,
    work: (services: Services) => Promise<unknown>,
  ): Promise<Outcome>;
}

const linesMax = 3; // a change touches few of the lines below
const lineNames: readonly string[] = ['first', 'second', 'third', 'fourth', 'fifth', 'sixth'];
const largeBytes = 1_300_000; // over one chunk, so that a transfer has several

export function createActs(federation: Federation): Acts {
  const notes = new Map<string, string>();
  const { trace, invariants } = federation;
  const random = federation.random.fork('acts');
  let number = 0;
  const attempt: Acts['attempt'] = async (name, what, work) => {
    const cluster = federation.cluster(name);
    const outcome = cluster.running ? await outcomeOf(cluster, work) : 'does not run';
    trace.add(name, `${what}: ${outcome}`);
    if (outcome.startsWith('INTERNAL') || outcome.startsWith('not an error of ours')) {
      invariants.breaks(`${what} at ${name} failed by accident: ${outcome}`);
    }
    return outcome === 'done' || outcome === 'unknown' ? outcome : 'refused';
  };
  const ownerOf = (name: string): string => notes.get(name) ?? '';
  return {
    notes,
    attempt,
    async create(owner, wanted) {
      number += 1;
      const name = wanted ?? `${owner}.note-${number}`;
      notes.set(name, owner);
      await attempt(owner, `create ${name}`, ({ log }) =>
        log.create({ kind: noteKindName, name, type: 'simulation/note' }),
      );
      return name;
    },
    remove: (name) => attempt(ownerOf(name), `remove ${name}`, ({ log }) => log.remove(idOf(name))),
    append(name, large = false) {
      number += 1;
      const lines = linesOf(random, { name, number, large });
      return attempt(ownerOf(name), `append ${name} #${number}`, async ({ log, disk }) => {
        const { crypto } = federation;
        const { blobs, release } = holdWhatIsPut(disk.blobs);
        try {
          const ops = await noteOps({ blobs, crypto }, lines);
          const { epoch, sequence } = await log.append(idOf(name), ops, { author: 'simulation' });
          const ack = { resource: idOf(name), epoch, sequence };
          invariants.acknowledged(federation.cluster(ownerOf(name)), ack);
        } finally {
          release();
        }
      });
    },
    ...sharing(federation, attempt),
    mirror: (cluster, name) =>
      attempt(cluster, `mirror ${name}`, ({ sync }) =>
        sync.add({ resource: federatedName(federation, ownerOf(name), name) }),
      ),
    unmirror: (cluster, name) =>
      attempt(cluster, `unmirror ${name}`, ({ sync }) =>
        sync.remove({ resource: federatedName(federation, ownerOf(name), name) }),
      ),
    ...linking(federation, attempt),
    ...judging(federation, attempt),
  };
}

export function idOf(name: string): LocalId {
  return localId(noteKindName, name);
}

export function federatedName(federation: Federation, owner: string, name: string): string {
  return `${federation.cluster(owner).place.cluster}:${idOf(name)}`;
}

async function outcomeOf(
  cluster: SimulatedCluster,
  work: (services: Services) => Promise<unknown>,
): Promise<string> {
  const { services } = cluster;
  const ended = work(services).then(() => 'done', outcomeAfter);
  return Promise.race([services.died.then(() => 'unknown'), ended]);
}

function outcomeAfter(error: unknown): string {
  if (isHansaError(error, 'STORE_UNKNOWN_OUTCOME')) {
    return 'unknown';
  }
  return isHansaError(error)
    ? `${error.code} ${error.message}`
    : `not an error of ours: ${String(error)}`;
}

function linesOf(
  random: Federation['random'],
  given: { readonly name: string; readonly number: number; readonly large: boolean },
): readonly NoteLine[] {
  const mark = `${contentOf(given.name)} #${given.number}`;
  const keys = new Set<string>();
  while (keys.size < 1 + random.integer(linesMax)) {
    keys.add(random.pick(lineNames));
  }
  return [...keys].map((key) => ({
    key,
    text: random.chance(0.15) ? undefined : `${mark} ${key}`,
    attachment: random.chance(0.5) ? attachment(random, mark, given.large) : undefined,
  }));
}

function attachment(random: Federation['random'], mark: string, large: boolean): string {
  const bytes = large ? largeBytes : 40 + random.integer(2_000);
  return `${mark} ${random.integer(1_000_000)} `.padEnd(bytes, 'abcdefghij');
}

type Attempt = Acts['attempt'];

function sharing(
  { cluster, invariants, time }: Federation,
  attempt: Attempt,
): Pick<Acts, 'share' | 'unshare'> {
  const { model } = invariants;
  const verbsText = (verbs: readonly Verb[]): string => verbs.join();
  const removing = new Set<string>();
  // A rule that was asked for twice is one rule, and its id is never another's.
  const sameAs = (owner: string, id: string | undefined): readonly AskedRule[] =>
    model.asked.filter((each) => each.owner === owner && each.id === id);
  return {
    async share(rule) {
      const { owner, peer, name, verbs, effect } = rule;
      const asked = model.ask(rule);
      const what = `${effect} ${verbsText(verbs)} of ${name} to ${peer ?? 'everybody'}`;
      const outcome = await attempt(owner, what, async ({ policies }) => {
        const added = await policies.add({
          effect,
          verbs: [...verbs],
          resources: { kind: rule.kind ?? noteKindName, name },
          peers: peer === undefined ? { public: true } : { cluster: cluster(peer).place.cluster },
        });
        asked.id = added.id;
      });
      if (outcome === 'done') {
        const isGone = sameAs(owner, asked.id).some(({ endedMs }) => endedMs !== undefined);
        const isGoing = removing.has(`${owner} ${asked.id}`);
        asked.endedMs = isGone ? time.monotonicMs() : undefined;
        asked.sureSinceMs = isGone || isGoing ? undefined : time.monotonicMs();
      } else if (outcome === 'refused') {
        asked.endedMs = time.monotonicMs();
      }
      return asked;
    },
    async unshare(rule) {
      const { id, name, owner } = rule;
      if (id === undefined) {
        return 'refused';
      }
      const sure = new Map(sameAs(owner, id).map((each) => [each, each.sureSinceMs]));
      sure.forEach((_ms, each) => (each.sureSinceMs = undefined));
      removing.add(`${owner} ${id}`);
      const what = `unshare ${name} of ${rule.effect} ${rule.peer ?? 'everybody'}`;
      const outcome = await attempt(owner, what, ({ policies }) => policies.remove({ id }));
      removing.delete(`${owner} ${id}`);
      const nowMs = time.monotonicMs();
      for (const each of sameAs(owner, id)) {
        each.endedMs = outcome === 'done' ? nowMs : each.endedMs;
        // What was asked for meanwhile was answered with this very rule.
        const heldMs = sure.has(each) ? sure.get(each) : nowMs;
        each.sureSinceMs = outcome === 'refused' ? heldMs : each.sureSinceMs;
      }
      return outcome;
    },
  };
}

function linking({ cluster }: Federation, attempt: Attempt): Pick<Acts, 'link' | 'unlink'> {
  const idOfCluster = (name: string): string => cluster(name).place.cluster;
  return {
    async link(a, b) {
      let token = '';
      await attempt(a, `invite ${b}`, async ({ links }) => {
        ({ token } = await links.invite({ confirm: false }));
      });
      const accepted =
        token === ''
          ? 'refused'
          : await attempt(b, `accept ${a}`, ({ links }) => links.accept({ token }));
      if (accepted !== 'done') {
        return accepted;
      }
      const outcomes = await Promise.all([
        attempt(a, `confirm ${b}`, ({ links }) => links.confirm({ peer: idOfCluster(b) })),
        attempt(b, `confirm ${a}`, ({ links }) => links.confirm({ peer: idOfCluster(a) })),
      ]);
      return outcomes.find((outcome) => outcome !== 'done') ?? 'done';
    },
    unlink: (a, b) =>
      attempt(a, `close ${b}`, ({ links }) => links.close({ peer: idOfCluster(b) })),
  };
}

function judging(
  { cluster, invariants }: Federation,
  attempt: Attempt,
): Pick<Acts, 'block' | 'unblock'> {
  const { model } = invariants;
  const turns = new Map<string, { turn: number; flying: number }>();
  const judge = async (owner: string, peer: string, blocked: boolean): Promise<Outcome> => {
    const pair = `${owner} ${peer}`;
    const { turn: before, flying } = turns.get(pair) ?? { turn: 0, flying: 0 };
    const mine = { turn: before + 1, flying: flying + 1 };
    turns.set(pair, mine);
    const held = model.bars(owner, peer);
    model.judge(owner, peer, undefined);
    const level = blocked ? 'blocked' : 'public';
    const outcome = await attempt(owner, `judge ${peer} ${level}`, ({ trust }) =>
      trust.set({ peer: cluster(peer).place.cluster, level }),
    );
    const now = turns.get(pair) ?? mine;
    turns.set(pair, { ...now, flying: now.flying - 1 });
    // Of two that were under way together, nobody knows which one stands.
    if (flying === 0 && now.turn === mine.turn && outcome !== 'unknown') {
      model.judge(owner, peer, outcome === 'done' ? blocked : held);
    }
    return outcome;
  };
  return {
    block: (owner, peer) => judge(owner, peer, true),
    unblock: (owner, peer) => judge(owner, peer, false),
  };
}
