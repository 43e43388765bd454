// Random work against a model that is a list of maps, one per revision: the store must answer like
// it at every revision that is kept, and a watcher must have seen exactly its differences.
import {
  fromUtf8,
  type Entry,
  type KeyValueStore,
  type Op,
  type Revision,
  type WatchBatch,
} from '@hansa/foundation';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { k, nextChange, refusal, showEvent, type Current } from './store-fixture.ts';

const modelRuns = 200;
const names = ['a', 'a/x', 'a/y', 'b', 'b/x'];
const prefixes = ['', 'a', 'a/', 'b', 'c'];

interface Row {
  readonly value: string;
  readonly version: number;
  readonly createRevision: Revision;
  readonly modRevision: Revision;
}
type Rows = ReadonlyMap<string, Row>;

class Model {
  readonly history: { readonly revision: Revision; readonly rows: Rows }[];
  compacted: Revision;

  constructor(revision: Revision, compacted: Revision) {
    this.history = [{ revision, rows: new Map() }];
    this.compacted = compacted;
  }

  get now(): { readonly revision: Revision; readonly rows: Rows } {
    return this.at(Number.POSITIVE_INFINITY);
  }

  at(revision: Revision): { readonly revision: Revision; readonly rows: Rows } {
    const found = this.history.findLast((step) => step.revision <= revision);
    expect(found).toBeDefined();
    return found ?? { revision: 0, rows: new Map() };
  }

  /** What the changes lead to; undefined stands for a deletion. */
  write(revision: Revision, changes: ReadonlyMap<string, string | undefined>): void {
    const rows = new Map(this.now.rows);
    let effective = false;
    for (const [name, value] of changes) {
      const before = rows.get(name);
      if (value === undefined) {
        effective = rows.delete(name) || effective;
        continue;
      }
      effective = true;
      rows.set(name, {
        value,
        version: (before?.version ?? 0) + 1,
        createRevision: before?.createRevision ?? revision,
        modRevision: revision,
      });
    }
    const last = this.now.revision;
    if (effective) {
      expect(revision).toBeGreaterThan(last);
      this.history.push({ revision, rows });
    } else {
      expect(revision).toBe(last);
    }
  }
}

function asRow(entry: Entry): Row {
  const { version, createRevision, modRevision } = entry;
  return { value: fromUtf8(entry.value), version, createRevision, modRevision };
}

interface World {
  readonly store: KeyValueStore;
  readonly model: Model;
  /** Keys of one run lie beside those of the others. */
  readonly root: string;
}

type Step = (world: World) => Promise<void>;

const anyName = fc.constantFrom(...names);
const anyPrefix = fc.constantFrom(...prefixes);
const anyValue = fc.stringMatching(/^[a-z]{0,4}$/);
const anyAge = fc.nat(12);

const setting = fc
  .record({ name: anyName, value: anyValue })
  .map(({ name, value }): Step => async ({ store, model, root }) => {
    const { revision } = await store.set(k(root + name), k(value));
    model.write(revision, new Map([[name, value]]));
  });

const deleting = anyName.map((name): Step => async ({ store, model, root }) => {
  const had = model.now.rows.has(name);
  const { revision, deleted } = await store.delete(k(root + name));
  expect(deleted).toBe(had ? 1 : 0);
  model.write(revision, new Map([[name, undefined]]));
});

const swapping = fc
  .record({ name: anyName, value: anyValue, right: fc.boolean() })
  .map(({ name, value, right }): Step => async ({ store, model, root }) => {
    const held = model.now.rows.get(name)?.modRevision ?? 0;
    const expected = { modRevision: right ? held : held + 1 };
    const swap = await store.compareAndSet(k(root + name), expected, k(value));
    expect(swap.ok).toBe(right);
    if (right) {
      model.write(swap.revision, new Map([[name, value]]));
    }
  });

/** Some keys in one transaction: a value puts, none deletes; and perhaps a whole prefix. */
const batching = fc
  .record({
    some: fc.uniqueArray(fc.tuple(anyName, fc.option(anyValue, { nil: undefined })), {
      selector: ([name]) => name,
    }),
    whole: fc.option(fc.constantFrom('a/', 'b/'), { nil: undefined }),
  })
  .map(({ some, whole }): Step => async ({ store, model, root }) => {
    const covered = (name: string): boolean => whole !== undefined && name.startsWith(whole);
    const single = some.filter(([name]) => !covered(name));
    const ops = single.map(([name, value]): Op =>
      value === undefined
        ? { delete: { key: k(root + name) } }
        : { put: { key: k(root + name), value: k(value) } },
    );
    const prefix = whole === undefined ? [] : [{ delete: { prefix: k(root + whole) } }];
    const { revision } = await store.batchWrite([...prefix, ...ops]);
    const gone = names.filter(covered).map((name) => [name, undefined] as const);
    model.write(revision, new Map([...gone, ...single]));
  });

/**
 * Different keys at the same time; whatever order they get, it is that of their revisions, and what
 * an engine did in one step has one revision.
 */
const bursting = anyValue.map((value): Step => async ({ store, model, root }) => {
  const done = await Promise.all(
    names.map(async (name) => ({ name, ...(await store.set(k(root + name), k(value))) })),
  );
  const revisions = new Set(done.map(({ revision }) => revision));
  for (const step of [...revisions].toSorted((a, b) => a - b)) {
    const together = done.filter(({ revision }) => revision === step);
    model.write(step, new Map(together.map(({ name }) => [name, value])));
  }
});

const reading = fc
  .record({ prefix: anyPrefix, age: anyAge, limit: fc.integer({ min: 1, max: 4 }) })
  .chain((read) => fc.boolean().map((reverse) => ({ ...read, reverse })))
  .map(({ prefix, age, limit, reverse }): Step => async ({ store, model, root }) => {
    const { revision, rows } = model.history.at(-1 - age) ?? model.now;
    const options = { limit, reverse, revision };
    const range = { prefix: k(root + prefix) };
    if (revision < model.compacted) {
      await refusal(store.scan(range, options), 'STORE_COMPACTED');
      return;
    }
    const found: [string, Row][] = [];
    let page = await store.scan(range, options);
    found.push(...page.entries.map(named(root)));
    while (page.cursor !== undefined) {
      page = await store.scan(range, { limit, reverse, cursor: page.cursor });
      found.push(...page.entries.map(named(root)));
    }
    const expected = names.flatMap((name): [string, Row][] => {
      const row = name.startsWith(prefix) ? rows.get(name) : undefined;
      return row === undefined ? [] : [[name, row]];
    });
    expect(found).toEqual(reverse ? expected.toReversed() : expected);
  });

function named(root: string): (entry: Entry) => [string, Row] {
  return (entry) => [fromUtf8(entry.key).slice(root.length), asRow(entry)];
}

const compacting = anyAge.map((age): Step => async ({ store, model }) => {
  const { revision } = model.history.at(-1 - age) ?? model.now;
  await store.compact(revision);
  model.compacted = Math.max(model.compacted, revision);
});

const steps = fc.array(
  fc.oneof(
    { weight: 5, arbitrary: setting },
    { weight: 3, arbitrary: deleting },
    { weight: 3, arbitrary: swapping },
    { weight: 4, arbitrary: batching },
    { weight: 1, arbitrary: bursting },
    { weight: 5, arbitrary: reading },
    { weight: 1, arbitrary: compacting },
  ),
  { maxLength: 25 },
);

/** The differences between neighbouring revisions after one, as a watcher shows them. */
function differences({ model, root }: World, after: Revision): [Revision, string[]][] {
  const out: [Revision, string[]][] = [];
  model.history.forEach(({ revision, rows }, index) => {
    const before = model.history[index - 1]?.rows;
    if (before === undefined || revision <= after) {
      return;
    }
    const events = names.flatMap((name) => {
      const old = before.get(name);
      const row = rows.get(name);
      const was = old === undefined ? '' : ` was ${old.value}`;
      if (row === undefined) {
        return old === undefined ? [] : [`-${root}${name}${was}`];
      }
      return row === old ? [] : [`${root}${name}=${row.value}${was}`];
    });
    out.push([revision, events.toSorted()]);
  });
  return out;
}

async function watched(world: World, after: Revision): Promise<[Revision, string[]][]> {
  const control = new AbortController();
  const options = { from: after, prev: true, signal: control.signal };
  const watch = world.store.watch({ prefix: k(world.root) }, options)[Symbol.asyncIterator]();
  const seen: [Revision, string[]][] = [];
  while ((seen.at(-1)?.[0] ?? after) < world.model.now.revision) {
    const { revision, events } = await nextChange(watch);
    seen.push([revision, events.map(showEvent).toSorted()]);
  }
  control.abort();
  return seen;
}

/**
 * A watch that is known to be there: a store elsewhere may be asked to forget the past before it
 * has begun to watch, and then tells so.
 */
async function begun(
  store: KeyValueStore,
  root: string,
  signal: AbortSignal,
): Promise<AsyncIterator<WatchBatch>> {
  const { revision: from } = await store.status();
  const options = { from, prev: true, signal };
  const live = store.watch({ prefix: k(root) }, options)[Symbol.asyncIterator]();
  await store.set(k(`${root}begin`), k(''));
  await store.delete(k(`${root}begin`));
  await nextChange(live);
  await nextChange(live);
  return live;
}

async function untilEnd(
  live: AsyncIterator<WatchBatch>,
  end: string,
): Promise<[Revision, string[]][]> {
  const seen: [Revision, string[]][] = [];
  for await (const batch of { [Symbol.asyncIterator]: () => live }) {
    const events = 'events' in batch ? batch.events.map(showEvent).toSorted() : [];
    if (events[0] === end) {
      break;
    }
    if ('events' in batch) {
      seen.push([batch.revision, events]);
    }
  }
  return seen;
}

export function behavesLikeItsModel(current: Current): void {
  test('random work leaves what a list of maps would hold, at every revision kept', async () => {
    const { store } = current();
    let run = 0;
    const property = fc.asyncProperty(steps, async (work) => {
      run += 1;
      const root = `run${run}/`;
      // Watches from the start on, while the work goes on: it may lag behind, but not miss
      // anything.
      const control = new AbortController();
      const live = await begun(store, root, control.signal);
      const { revision, compactRevision } = await store.status();
      const world = { store, model: new Model(revision, compactRevision), root };
      const watching = untilEnd(live, `${root}end=`);
      for (const step of work) {
        await step(world);
      }
      const late = await watched(world, Math.max(revision, world.model.compacted));
      expect(late).toEqual(differences(world, Math.max(revision, world.model.compacted)));
      await store.set(k(`${root}end`), k(''));
      expect(await watching).toEqual(differences(world, revision));
      control.abort();
    });
    await fc.assert(property, { numRuns: modelRuns });
  });
}
