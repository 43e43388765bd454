// The router beside a model of a few lines: params, locks and subscriptions of three sessions,
// under any order of acts, with time passing between them.
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { matcherOf } from '../patterns/matching.ts';
import { createRig, shown, type Rig, type TestLine } from './router-rig.suite.ts';

const addresses = ['/a', '/a/b', '/a/b/c', '/x/b', '/x'] as const;
const patterns = ['/a', '/a/*', '/a/**', '/**', '/*/b', '/**/c', '/x*'] as const;

interface Held {
  value: number;
  revision: number;
  holder: number | undefined;
  untilMs: number;
  ttlMs: number;
}

interface Model {
  nowMs: number;
  readonly params: Map<string, Held>;
  readonly lastRevisions: Map<string, number>;
  /** By session: patterns by id; undefined for one that is away. */
  readonly sessions: (Map<number, string> | undefined)[];
  /** What each session has been told, in order. */
  readonly told: string[][];
}

interface World {
  readonly rig: Rig;
  readonly model: Model;
  readonly lines: (TestLine | undefined)[];
  /** What arrived at each place, whichever session was there. */
  readonly arrived: string[][];
}

type Act = (world: World) => Promise<void> | void;

const who = fc.integer({ min: 0, max: 2 });
const address = fc.constantFrom(...addresses);

function lapse(model: Model): void {
  for (const [at, held] of model.params) {
    if (held.untilMs <= model.nowMs) {
      model.params.delete(at);
      model.lastRevisions.set(at, held.revision);
    }
  }
}

function collect({ lines, arrived }: World): void {
  lines.forEach((line, place) => {
    const messages = line?.all ?? [];
    for (const message of messages) {
      if (message.type === 'set') {
        arrived[place]?.push(`set ${message.address} ${shown(message.value)} @${message.revision}`);
      } else if (message.type === 'snapshot') {
        const params = message.params.map(({ address: at, revision }) => `${at}@${revision}`);
        arrived[place]?.push(`snapshot ${params.sort().join(' ')}`);
      } else {
        arrived[place]?.push(message.type);
      }
    }
    line?.forget();
  });
}

function hears(model: Model, place: number, at: string): boolean {
  return [...(model.sessions[place]?.values() ?? [])].some((pattern) => matcherOf(pattern)(at));
}

interface SetAct {
  readonly by: number;
  readonly at: string;
  readonly value: number;
  readonly lock: boolean;
  readonly unlock: boolean;
  readonly expected: number | undefined;
  readonly ttl: number | undefined;
}

const setting = fc
  .record<SetAct>({
    by: who,
    at: address,
    value: fc.integer({ min: 0, max: 9 }),
    lock: fc.boolean(),
    unlock: fc.boolean(),
    expected: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
    ttl: fc.option(fc.integer({ min: 1, max: 3 }), { nil: undefined }),
  })
  .map((act): Act => (world) => {
    const { by, at, value, lock, unlock, expected, ttl } = act;
    const { model, lines } = world;
    if (lines[by] === undefined) {
      return;
    }
    lines[by].set(at, value, {
      lock,
      unlock,
      ...(expected === undefined ? {} : { revision: expected }),
      ...(ttl === undefined ? {} : { ttl }),
    });
    const old = model.params.get(at);
    const isHeld = old?.holder !== undefined && old.holder !== by;
    if (old !== undefined && (isHeld || (expected !== undefined && expected !== old.revision))) {
      model.told[by]?.push('error');
      return;
    }
    const revision = (old?.revision ?? model.lastRevisions.get(at) ?? 0) + 1;
    const ttlMs = ttl === undefined ? (old?.ttlMs ?? 3_600_000) : ttl * 1_000;
    const holder = unlock ? undefined : lock ? by : old?.holder;
    const untilMs = model.nowMs + ttlMs;
    model.params.set(at, { value, revision, holder, ttlMs, untilMs });
    model.sessions.forEach((_, place) => {
      if (hears(model, place, at)) {
        model.told[place]?.push(`set ${at} ${value} @${revision}`);
      }
    });
    model.told[by]?.push('ack');
  });

const getting = fc.record({ by: who, at: address }).map(({ by, at }): Act => ({ model, lines }) => {
  if (lines[by] === undefined) {
    return;
  }
  lines[by].say({ type: 'get', address: at });
  const held = model.params.get(at);
  if (held !== undefined) {
    held.untilMs = model.nowMs + held.ttlMs;
  }
  model.told[by]?.push(held === undefined ? 'error' : `snapshot ${at}@${held.revision}`);
});

const subscribing = fc
  .record({ by: who, id: fc.integer({ min: 1, max: 3 }), pattern: fc.constantFrom(...patterns) })
  .map(({ by, id, pattern }): Act => ({ model, lines }) => {
    if (lines[by] === undefined) {
      return;
    }
    lines[by].subscribe(id, pattern);
    model.sessions[by]?.set(id, pattern);
    const found = [...model.params].filter(([at]) => matcherOf(pattern)(at));
    if (found.length > 0) {
      const params = found.map(([at, { revision }]) => `${at}@${revision}`);
      model.told[by]?.push(`snapshot ${params.sort().join(' ')}`);
    }
  });

const unsubscribing = fc
  .record({ by: who, id: fc.integer({ min: 1, max: 3 }) })
  .map(({ by, id }): Act => ({ model, lines }) => {
    lines[by]?.say({ type: 'unsubscribe', id });
    model.sessions[by]?.delete(id);
  });

const publishing = fc
  .record({ by: who, at: address })
  .map(({ by, at }): Act => ({ model, lines }) => {
    if (lines[by] === undefined) {
      return;
    }
    lines[by].publish(at);
    model.sessions.forEach((_, place) => {
      if (place !== by && hears(model, place, at)) {
        model.told[place]?.push('publish');
      }
    });
  });

const leavingOrJoining = who.map((place): Act => async (world) => {
  const { rig, model, lines } = world;
  collect(world);
  const line = lines[place];
  if (line === undefined) {
    lines[place] = await rig.join({ name: `${place}` });
    model.sessions[place] = new Map();
    return;
  }
  line.hangUp();
  lines[place] = undefined;
  model.sessions[place] = undefined;
  for (const held of model.params.values()) {
    held.holder = held.holder === place ? undefined : held.holder;
  }
});

const waiting = fc.integer({ min: 1, max: 2_500 }).map((ms): Act => async ({ rig, model }) => {
  await rig.clock.advance(ms);
  model.nowMs += ms;
  lapse(model);
});

const act = fc.oneof(
  { weight: 6, arbitrary: setting },
  { weight: 2, arbitrary: getting },
  { weight: 2, arbitrary: subscribing },
  { weight: 1, arbitrary: unsubscribing },
  { weight: 2, arbitrary: publishing },
  { weight: 1, arbitrary: leavingOrJoining },
  { weight: 2, arbitrary: waiting },
);

test('params, locks, lifetimes and subscriptions are what a model of a few lines says', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(act, { minLength: 1, maxLength: 80 }), async (acts) => {
      const rig = createRig({ options: { sessionIdleMs: 0, messagesPerSecondMax: 0 } });
      const lines: (TestLine | undefined)[] = [];
      for (const name of ['0', '1', '2']) {
        lines.push(await rig.join({ name }));
      }
      const model: Model = {
        nowMs: 0,
        params: new Map(),
        lastRevisions: new Map(),
        sessions: [new Map(), new Map(), new Map()],
        told: [[], [], []],
      };
      const world: World = { rig, model, lines, arrived: [[], [], []] };
      for (const one of acts) {
        await one(world);
      }
      collect(world);
      expect(world.arrived).toEqual(model.told);
      const params = [...rig.router.params()].map(({ address: at, revision, value, holder }) => [
        at,
        revision,
        shown(value),
        holder === undefined ? undefined : lines.findIndex((line) => line?.session === holder),
      ]);
      const expected = [...model.params].map(([at, { revision, value, holder }]) => [
        at,
        revision,
        `${value}`,
        holder,
      ]);
      expect(new Set(params.map(String))).toEqual(new Set(expected.map(String)));
      expect(rig.problems).toEqual([]);
      rig.router.stop();
    }),
    { numRuns: 1_000 },
  );
}, 120_000);
