// After the last strike, of clients that coordinated: what there is now is read, and held against
// all that they heard.
import { counterContract } from '@hansa/capabilities/counters/contract';
import { queueContract, type Item, type Queues } from '@hansa/capabilities/queues/contract';
import { judgeCoordination } from '../../testkit/nemesis/coordination/judge.ts';
import type { Left } from '../../testkit/nemesis/coordination/queues.ts';
import type { Heard, Recorder } from '../../testkit/nemesis/history.ts';
import { notYet, until } from '../black-box/harness/until.ts';
import { asking } from './clients/asking.ts';
import { queueName } from './clients/coordination/queues.ts';
import { findingsOf } from './scrubbing.ts';
import type { Verified } from './verify.ts';
import type { World } from './world/world.ts';

const answersWithinMs = 30_000; // a takeover takes up to ten seconds, and the machine is shared
const pageItems = 100;

export async function verifyCoordination(world: World, recorder: Recorder): Promise<Verified> {
  const violations: string[] = [];
  const counters = new Map<string, number>();
  let left: Left | undefined;
  const attempt = async (what: string, check: () => Promise<void>): Promise<void> => {
    try {
      await check();
    } catch (error) {
      violations.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const wholeMs = recorder.nowMs();
  await attempt('counters', () => readCounters(world, { recorder, counters }));
  await attempt('the queue', async () => {
    left = await readQueue(world, recorder);
  });
  const convergedMs = Math.round(recorder.nowMs() - wholeMs);
  const node = world.owner.nodes.find(({ isRunning }) => isRunning);
  await attempt('scrub', async () => {
    violations.push(...(node === undefined ? [] : await findingsOf(node)));
  });
  violations.push(...judgeCoordination(recorder.operations(), { counters, left }));
  return { violations, convergedMs };
}

/** Until some node answers. */
async function read(name: string, ask: () => Promise<Heard>): Promise<unknown> {
  return until(
    `${name} answers`,
    async () => {
      const heard = await ask();
      return heard.outcome === 'ok' ? { value: heard.value } : notYet(heard);
    },
    answersWithinMs,
  ).then(({ value }) => value);
}

async function readCounters(
  { owner }: World,
  given: { readonly recorder: Recorder; readonly counters: Map<string, number> },
): Promise<void> {
  const { recorder, counters } = given;
  const service = asking(owner, counterContract);
  const names = recorder
    .operations()
    .filter(({ operation }) => operation === 'add' || operation === 'buffered')
    .map(({ key }) => key);
  for (const key of new Set(names)) {
    const value = await read(owner.name, () =>
      recorder.record('last', { operation: 'get', key }, () =>
        service.read(async (each) => (await each.show({ name: key })).value),
      ),
    );
    counters.set(key, value as number);
  }
}

async function readQueue({ owner }: World, recorder: Recorder): Promise<Left> {
  const service = asking(owner, queueContract);
  const all = async (which: 'peek' | 'dead'): Promise<readonly Item[]> => {
    const found: Item[] = [];
    for (;;) {
      const after = found.at(-1)?.sequence ?? 0;
      const page = await read(owner.name, () =>
        recorder.record('last', { operation: 'get', key: `${queueName} ${which}` }, () =>
          service.read((each: Queues) =>
            each[which]({ queue: queueName, after, limit: pageItems }),
          ),
        ),
      );
      const { items } = page as { readonly items: readonly Item[] };
      found.push(...items);
      if (items.length === 0) {
        return found;
      }
    }
  };
  return { items: await all('peek'), dead: await all('dead') };
}
