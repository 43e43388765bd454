// After the last strike: everything is started, heals and comes to rest, and then nothing may be
// missing, back, invented or different.
import { kvContract } from '@hansa/capabilities/kv/contract';
import { resourcesContract } from '@hansa/capabilities/resources/contract';
import { syncContract } from '@hansa/capabilities/sync/contract';
import { localId, type Contract } from '@hansa/foundation';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { differences, lostOrRisen, wrongSightings } from '../../testkit/nemesis/contents.ts';
import { byKey, type Operation, type Recorder } from '../../testkit/nemesis/history.ts';
import {
  checkLinearizable,
  type Model,
  type Interval,
} from '../../testkit/nemesis/linearizable.ts';
import {
  counterIntervals,
  counterModel,
  registerIntervals,
  registerModel,
} from '../../testkit/nemesis/models.ts';
import { notYet, until } from '../black-box/harness/until.ts';
import { asking, serviceOf, type ClusterUnderTest } from './clients/asking.ts';
import { getNumber, getText, spaces } from './clients/keys.ts';
import { faultsOfClone, refsAt, repository } from './clients/pushes.ts';
import { findingsOf } from './scrubbing.ts';
import type { NodeProcess } from './world/node-process.ts';
import type { World } from './world/world.ts';

export interface Verified {
  readonly violations: readonly string[];
  readonly convergedMs: number;
}

const convergesWithinMs = 60_000; // links back off to seconds, and two cores serve everybody
const answersWithinMs = 30_000;
const pageKeys = 1_000;
const callWithinMs = 20_000;

export async function verify(world: World, recorder: Recorder): Promise<Verified> {
  const violations: string[] = [];
  const attempt = async (what: string, check: () => Promise<readonly string[]>): Promise<void> => {
    try {
      violations.push(...(await check()));
    } catch (error) {
      violations.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
    }
  };
  const wholeMs = recorder.nowMs();
  await attempt('last reads', () => readLast(world, recorder));
  let contents: ReadonlyMap<string, string> | undefined;
  await attempt('convergence', async () => {
    for (const space of spaces) {
      const held = await converge(world, space);
      contents = space === 'keys' ? held : contents;
    }
    return [];
  });
  const convergedMs = Math.round(recorder.nowMs() - wholeMs);
  await attempt('pushes', () => checkPushes(world, recorder.operations()));
  for (const { nodes } of [world.owner, ...world.mirrors]) {
    const node = nodes.find(({ isRunning }) => isRunning);
    await attempt('scrub', async () => (node === undefined ? [] : findingsOf(node)));
  }
  violations.push(...judge(recorder.operations(), contents));
  return { violations, convergedMs };
}

/** One read of everything by a client of its own: what was acknowledged has to show. */
async function readLast({ owner }: World, recorder: Recorder): Promise<readonly string[]> {
  const kv = asking(owner, kvContract);
  const keys = [...byKey(recorder.operations()).keys()];
  for (const key of keys.filter((one) => /^[rn]\d/.test(one))) {
    await until(
      `${owner.name} answers`,
      async () => {
        const heard = await recorder.record('last', { operation: 'get', key }, () =>
          key.startsWith('r') ? getText(kv, 'registers', key) : getNumber(kv, key),
        );
        return heard.outcome === 'ok' ? true : notYet(heard);
      },
      answersWithinMs,
    );
  }
  return [];
}

/** Waits until every copy has the owner's digest, and then the same content: that content. */
async function converge(
  { owner, mirrors }: World,
  space: string,
): Promise<ReadonlyMap<string, string>> {
  const own = await contentsOf(owner, space);
  const id = localId('kv', space);
  for (const mirror of mirrors) {
    const resource = `${owner.name}:kv/${space}`;
    await until(
      `${mirror.name} has the digest of ${space}`,
      async () => {
        const { position } = await nodeOf(owner, resourcesContract).show({ id });
        const { state, applied, lastError } = await nodeOf(mirror, syncContract).show({ resource });
        const same = applied?.digest === position.digest && state === 'current';
        return same ? true : notYet({ position, state, applied, lastError });
      },
      convergesWithinMs,
    );
    const copy = await contentsOf(mirror, `${owner.name}:${space}`);
    const differing = differences(
      { name: owner.name, contents: own },
      { name: mirror.name, contents: copy },
    );
    if (differing.length > 0) {
      throw new Error(`${space} differs under equal digests: ${differing.join('; ')}`);
    }
  }
  return own;
}

function nodeOf<S extends object>(cluster: ClusterUnderTest, contract: Contract<S>): S {
  return serviceOf(cluster.nodes[0], contract, callWithinMs);
}

export async function contentsOf(
  cluster: ClusterUnderTest,
  space: string,
): Promise<ReadonlyMap<string, string>> {
  const kv = nodeOf(cluster, kvContract);
  const found = new Map<string, string>();
  let cursor: string | undefined;
  do {
    const page = await kv.list({ space, limit: pageKeys, cursor });
    for (const { key, text } of page.entries) {
      found.set(key, text ?? '');
    }
    ({ cursor } = page);
  } while (cursor !== undefined);
  return found;
}

async function checkPushes(
  { owner, mirrors, folder }: World,
  operations: readonly Operation[],
): Promise<readonly string[]> {
  const accepted = operations.filter(
    ({ operation, outcome }) => operation === 'push' && outcome === 'ok',
  );
  const [first] = owner.nodes;
  if (first === undefined) {
    throw new Error('the owner has no nodes');
  }
  const own = await refsAt(first, repository);
  const wrongs = accepted
    .filter(({ key, value }) => own.get(key) !== value)
    .map(({ key }) => `${key} was pushed to ${owner.name} and is not there`);
  const places: [NodeProcess, string][] = [[first, repository]];
  for (const { name, nodes } of mirrors) {
    const [node] = nodes;
    if (node === undefined) {
      throw new Error(`${name} has no nodes`);
    }
    const path = `@${owner.name}/${repository}`;
    await until(
      `${name} has the refs of ${repository}`,
      async () => {
        const copy = await refsAt(node, path);
        const same = copy.size === own.size && [...own].every(([ref, id]) => copy.get(ref) === id);
        return same ? true : notYet({ own: own.size, copy: copy.size });
      },
      convergesWithinMs,
    );
    places.push([node, path]);
  }
  if (accepted.length === 0) {
    return wrongs;
  }
  for (const [node, path] of places) {
    const faults = await faultsOfClone(node, path, mkdtempSync(join(folder, 'clone-')));
    wrongs.push(...(faults === '' ? [] : [`the clone of ${node.name}: ${faults}`]));
  }
  return wrongs;
}

function judge(
  operations: readonly Operation[],
  contents: ReadonlyMap<string, string> | undefined,
): readonly string[] {
  const reads = operations.filter(({ process }) => process.startsWith('copy-'));
  const own = operations.filter(({ process }) => !process.startsWith('copy-'));
  const registers = own.filter(({ key }) => /^r\d/.test(key));
  const counters = own.filter(({ key }) => /^n\d/.test(key));
  const keys = own.filter(({ key }) => key.startsWith('keys.'));
  return [
    ...linearizable(registers, registerIntervals, registerModel),
    ...linearizable(counters, counterIntervals, counterModel),
    ...(contents === undefined ? [] : lostOrRisen(keys, contents)),
    ...wrongSightings(registers, reads),
  ];
}

function linearizable<State, Op>(
  operations: readonly Operation[],
  read: (operations: readonly Operation[]) => readonly Interval<Op>[],
  model: Model<State, Op>,
): string[] {
  return [...byKey(operations)].flatMap(([key, ops]) => {
    const verdict = checkLinearizable(model, read(ops));
    if (verdict.verdict === 'linearizable') {
      return [];
    }
    const why =
      verdict.verdict === 'undecided'
        ? `could not be decided in ${verdict.steps} steps`
        : `is not linearizable: ${JSON.stringify(verdict.stuck)} fits nowhere`;
    return [`the history of ${key} ${why}`];
  });
}
