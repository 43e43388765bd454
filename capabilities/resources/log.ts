// The log of every resource this cluster owns: appended by one guarded transaction, read by
// mirrors.
import {
  compareHlc,
  createHybridClock,
  HansaError,
  localId,
  watchedTable,
  type Hlc,
  type HybridClock,
  type LocalId,
} from '@hansa/foundation';
import { append, type Held, type ResourceLogNeeds } from './appending.ts';
import { compactRound } from './compacting.ts';
import type { GuardedAct, Point, ResourceLog } from './contract.ts';
import { createDigests, type Digests } from './digests.ts';
import { createAppends, type AppendWork } from './grouping.ts';
import { resourceTables, sequenceOf } from './keys.ts';
import { createResource, removeResource } from './making.ts';
import { inspectResource } from './inspecting.ts';
import { mendResource } from './mending.ts';
import { createReading, requireResource } from './reading.ts';
import { buryResource, renewResource } from './renewing.ts';
import { createTicker } from './ticker.ts';

const hlcCounterMax = 0xffff; // sixteen bits, as `hlcSchema` has it

export interface StartedLog {
  readonly log: ResourceLog;
  start(signal: AbortSignal): Promise<void>;
  /** Removes old changes of every resource, as far as may be; resolves with how many. */
  compact(signal: AbortSignal): Promise<number>;
  /** What is in memory only is written down: the next start has nothing to repeat. */
  rest(): Promise<void>;
}

/** Another `digestsOf` is for whoever measures what keeping digests costs. */
export function createResourceLog(
  needs: ResourceLogNeeds,
  digestsOf: (held: Held) => Digests = createDigests,
): StartedLog {
  const { store, clock } = needs;
  const tables = resourceTables(store, needs.codec);
  const held: Held = {
    ...needs,
    tables,
    resources: watchedTable(store, tables.resources),
    states: watchedTable(store, tables.states),
  };
  const { resources } = held;
  const hybrid = createHybridClock(clock);
  const digests = digestsOf(held);
  const reading = createReading(held, digests);
  let refuse: (id: LocalId, act: GuardedAct) => HansaError | undefined = () => undefined;
  const requireAllowed = (id: LocalId, act: GuardedAct = 'write') => throwAny(refuse(id, act));
  const appends = createAppends(async (work) => {
    requireAllowed(work.id);
    return appendAfter({ held, hybrid, digests }, work);
  });
  const sign = createTicker(needs);
  const log: ResourceLog = {
    ...reading,
    guard(decide) {
      refuse = decide;
    },
    create: (resource) => {
      const id = localId(resource.kind, resource.name);
      return appends.alone(id, async () => {
        requireAllowed(id);
        return createResource(held, resource, hybrid.tick());
      });
    },
    remove: (id) =>
      appends.alone(id, async () => {
        requireAllowed(id);
        return removeResource(held, digests, requireResource(held, id));
      }),
    lastEpoch: (id) => resources.find(id)?.value.resource.epoch,
    renew: (id, renewal) =>
      appends.alone(id, () =>
        renewResource(held, digests, {
          id,
          ...renewal,
          stamp: (before) => stampAfter(before, hybrid.tick()),
        }),
      ),
    bury: (id, epoch) => appends.alone(id, () => buryResource(held, id, epoch)),
    inspect: (id, order) => inspectResource(held, digests, { id, ...order }),
    mend: (id, mending) => appends.alone(id, () => mendResource(held, digests, { id, ...mending })),
    get generation() {
      return resources.generation;
    },
    subscribe: (changed) => subscribeTo(held, reading.all, changed),
    append: (id, ops, options) => appends.append({ id, ops, ...options }),
    async sign(id, position) {
      requireAllowed(id, 'sign');
      return sign(id, position);
    },
  };
  return {
    log,
    start: (signal) => startTables(held, signal),
    compact: (signal) => compactRound(held, { log, digests, signal }),
    rest: () => digests.writeAll(),
  };
}

async function startTables({ resources, states, clock }: Held, signal: AbortSignal): Promise<void> {
  await Promise.all([resources.start(signal, clock), states.start(signal, clock)]);
}

function throwAny(refusal: HansaError | undefined): void {
  if (refusal !== undefined) {
    throw refusal;
  }
}

/** Of one resource where its row has changed, of all where a table was read anew. */
function subscribeTo(
  { resources, states }: Held,
  all: ResourceLog['all'],
  changed: (id: LocalId) => void,
): () => void {
  const forward = (key: readonly unknown[] | undefined): void => {
    const ids = key === undefined ? all().map(({ id }) => id) : [key[0] as LocalId];
    ids.forEach(changed);
  };
  const stops = [resources.subscribe(forward), states.subscribe(forward)];
  return () => stops.forEach((stop) => stop());
}

interface AppendParts {
  readonly held: Held;
  readonly hybrid: HybridClock;
  readonly digests: Digests;
}

/** On top of what stands there; again where another node was faster. CONFLICT by `expect`. */
async function appendAfter(
  { held, hybrid, digests }: AppendParts,
  { id, ops, author, expect }: AppendWork,
): Promise<Point> {
  for (;;) {
    requireResource(held, id);
    const state = held.states.find(id);
    if (state === undefined) {
      throw new HansaError('RESOURCE_NOT_FOUND', `there is no ${id} here`);
    }
    if (expect !== undefined && expect !== sequenceOf(state)) {
      throw new HansaError('CONFLICT', `${id} was changed at the same time`);
    }
    const hlc = stampAfter(state.value.hlc, hybrid.tick());
    const done = await append(held, { id, ops, author, state, hlc });
    if (done !== undefined) {
      digests.appended(id, done);
      return done.point;
    }
  }
}

/** A clock that was set back must not stamp a change before the one that it follows. */
function stampAfter(before: Hlc, now: Hlc): Hlc {
  const [wallMs, counter] = before;
  if (compareHlc(now, before) > 0) {
    return now;
  }
  return counter < hlcCounterMax ? [wallMs, counter + 1] : [wallMs + 1, 0];
}
