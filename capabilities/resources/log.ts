// The log of every resource this cluster owns: appended by one guarded transaction, read by
// mirrors.
import {
  compareBytes,
  compareHlc,
  createHybridClock,
  createKeyedMutex,
  createRecent,
  emptyTrie,
  HansaError,
  localId,
  watchedTable,
  type Hlc,
  type HybridClock,
  type LocalId,
} from '@hansa/foundation';
import { append, type Held, type Loaded, type ResourceLogNeeds } from './appending.ts';
import type { Position, ResourceLog } from './contract.ts';
import { valueHash } from './history.ts';
import { resourceTables } from './keys.ts';
import { createResource, removeResource } from './making.ts';
import { buryResource, renewResource } from './renewing.ts';
import { createReading, entriesOf, requireResource } from './reading.ts';
import { createTicker } from './ticker.ts';

// resources whose digest trie is kept in memory; others are rebuilt when written
const triesMax = 256;
const hlcCounterMax = 0xffff; // sixteen bits, as `hlcSchema` has it

export interface StartedLog {
  readonly log: ResourceLog;
  start(signal: AbortSignal): Promise<void>;
}

export function createResourceLog(needs: ResourceLogNeeds): StartedLog {
  const { store, clock } = needs;
  const tables = resourceTables(store, needs.codec);
  const held: Held = {
    ...needs,
    tables,
    resources: watchedTable(store, tables.resources),
    states: watchedTable(store, tables.states),
    tries: createRecent(triesMax),
  };
  const { resources, states } = held;
  const hybrid = createHybridClock(clock);
  const reading = createReading(held);
  const oneAtATime = createKeyedMutex<LocalId>();
  let refuse: (id: LocalId) => HansaError | undefined = () => undefined;
  const requireAllowed = (id: LocalId): void => {
    const refusal = refuse(id);
    if (refusal !== undefined) {
      throw refusal;
    }
  };
  const sign = createTicker(needs);
  const log: ResourceLog = {
    ...reading,
    guard(decide) {
      refuse = decide;
    },
    create: (resource) => {
      const id = localId(resource.kind, resource.name);
      return oneAtATime.run(id, async () => {
        requireAllowed(id);
        return createResource(held, resource, hybrid.tick());
      });
    },
    remove: (id) =>
      oneAtATime.run(id, async () => {
        requireAllowed(id);
        return removeResource(held, requireResource(held, id));
      }),
    lastEpoch: (id) => resources.find(id)?.value.resource.epoch,
    renew: (id, renewal) =>
      oneAtATime.run(id, () =>
        renewResource(held, {
          id,
          ...renewal,
          stamp: (before) => stampAfter(before, hybrid.tick()),
        }),
      ),
    bury: (id, epoch) => oneAtATime.run(id, () => buryResource(held, id, epoch)),
    get generation() {
      return resources.generation;
    },
    subscribe(changed) {
      const forward = (key: readonly unknown[] | undefined): void => {
        const ids = key === undefined ? reading.all().map(({ id }) => id) : [key[0] as LocalId];
        ids.forEach(changed);
      };
      const stops = [resources.subscribe(forward), states.subscribe(forward)];
      return () => stops.forEach((stop) => stop());
    },
    append: (id, ops, options) =>
      oneAtATime.run(id, async () => {
        requireAllowed(id);
        return appendAfter(held, hybrid, { id, ops, ...options });
      }),
    async sign(id, position) {
      requireAllowed(id);
      return sign(id, position);
    },
  };
  return {
    log,
    async start(signal) {
      await Promise.all([resources.start(signal, clock), states.start(signal, clock)]);
    },
  };
}

interface AppendWork {
  readonly id: LocalId;
  readonly ops: Parameters<ResourceLog['append']>[1];
  readonly author: string;
  readonly expect?: number | undefined;
}

/** On top of what stands there; again where another node was faster. CONFLICT by `expect`. */
async function appendAfter(held: Held, hybrid: HybridClock, work: AppendWork): Promise<Position> {
  const { id, ops, author, expect } = work;
  for (;;) {
    requireResource(held, id);
    const loaded = await load(held, id);
    if (expect !== undefined && expect !== loaded.state.modRevision) {
      throw new HansaError('CONFLICT', `${id} was changed at the same time`);
    }
    const hlc = stampAfter(loaded.state.value.hlc, hybrid.tick());
    const done = await append(held, { id, ops, author, loaded, hlc });
    if (done !== undefined) {
      return done;
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

/** The present state with its trie; rebuilt from the entries where it is not in memory. */
async function load(held: Held, id: LocalId): Promise<Loaded> {
  const { tables, crypto, tries } = held;
  for (;;) {
    const state = await tables.states.get(id);
    if (state === undefined) {
      throw new HansaError('RESOURCE_NOT_FOUND', `there is no ${id} here`);
    }
    const cached = tries.get(id);
    if (cached?.sequence === state.modRevision) {
      return { state, trie: cached.trie };
    }
    let trie = emptyTrie(crypto);
    for await (const entry of entriesOf(held, id, state.value.epoch)) {
      const { key, version } = entry;
      trie = trie.set({ key, version, valueHash: valueHash(crypto, entry) });
    }
    const again = await tables.states.get(id);
    if (again?.modRevision !== state.modRevision) {
      continue; // somebody appended while we read
    }
    if (compareBytes(trie.root, state.value.digest) !== 0) {
      throw new HansaError('STORE_DAMAGED', `the entries of ${id} do not give its digest`);
    }
    tries.set(id, { sequence: state.modRevision, trie });
    return { state, trie };
  }
}
