// An edge that is online a fifth of the time, in windows of seconds, for hours: it has everything
// soon after each time it comes, whoever dials, and fetches nothing twice.
import type { Blobs, BlobReceipt } from '@hansa/foundation';
import { afterEach, describe, expect, test } from 'vitest';
import { createActs, idOf } from '../../testkit/federation-acts.ts';
import { createFederation, type Federation } from '../../testkit/federation.ts';
import { createSeededRandom } from '../../testkit/seeded-random.ts';

const hourMs = 3_600_000;
const windowMs: readonly [number, number] = [3_000, 20_000];
const duty = 0.2;
const caughtUpMs = 2_000; // dial, handshake, head, changes and blobs over 30 ms paths, with room

let federation: Federation | undefined;
afterEach(() => federation?.close());

/** What was stored more than once, in bytes, whichever process stored it. */
interface Fetched {
  bytes: number;
  again: number;
}

function counted(fetched: Fetched): (blobs: Blobs) => Blobs {
  const seen = new Set<string>();
  return (blobs) => ({
    ...blobs,
    async receive(info, chunks): Promise<BlobReceipt> {
      const receipt = await blobs.receive(info, chunks);
      return {
        ...receipt,
        async accept(index, bytes) {
          const name = `${info.id} ${index}`;
          fetched.bytes += bytes.length;
          fetched.again += seen.has(name) ? bytes.length : 0;
          seen.add(name);
          await receipt.accept(index, bytes);
        },
      };
    },
  });
}

interface Edge {
  readonly made: Federation;
  readonly fetched: Fetched;
  readonly name: string;
  append(large?: boolean): Promise<unknown>;
  /** How long it took from its start until it had what the hub had then; undefined: not at all. */
  window(ms: number): Promise<number | undefined>;
}

/** A hub that owns a note, and an edge that mirrors it. */
async function hubAndEdge(seed: number): Promise<Edge> {
  const fetched: Fetched = { bytes: 0, again: 0 };
  const made = await createFederation({
    seed,
    clusters: ['hub', 'edge'],
    options: { wrapBlobs: counted(fetched) },
  });
  federation = made;
  const random = createSeededRandom(seed).fork('edge');
  const acts = createActs(made);
  await made.link('hub', 'edge');
  const name = await made.complete(acts.create('hub'));
  const rule = { owner: 'hub', peer: 'edge', name, verbs: ['see', 'pull'] } as const;
  await made.complete(acts.share({ ...rule, effect: 'allow' }));
  await made.complete(acts.mirror('edge', name));
  await made.complete(acts.append(name));
  await made.run(5_000);
  const edge = made.cluster('edge');
  const position = async (): Promise<string> => {
    const at = await made.cluster('hub').services.log.position(idOf(name));
    return `${at?.epoch}/${at?.sequence}`;
  };
  const applied = async (): Promise<string> => {
    const { mirrors } = await edge.services.sync.list({});
    const held = mirrors[0]?.applied;
    return mirrors[0]?.state === 'current' ? `${held?.epoch}/${held?.sequence}` : '';
  };
  return {
    made,
    fetched,
    name,
    append: (large = false) => made.complete(acts.append(name, large)),
    async window(ms) {
      const startedMs = made.time.monotonicMs();
      await made.restart('edge');
      const wanted = await made.complete(position());
      let caughtMs: number | undefined;
      while (made.time.monotonicMs() - startedMs < ms) {
        await made.run(50);
        if (caughtMs === undefined && (await made.complete(applied())) === wanted) {
          caughtMs = made.time.monotonicMs() - startedMs;
        }
      }
      if (random.chance(0.5)) {
        edge.crash();
      } else {
        await made.complete(edge.stop());
      }
      return caughtMs;
    },
  };
}

/** Windows with changes between them and in them, until the time is over: how long each took. */
async function live(edge: Edge, ms: number, seed: number): Promise<readonly number[]> {
  const { made } = edge;
  const random = createSeededRandom(seed).fork('windows');
  const took: number[] = [];
  made.crash('edge');
  const endMs = made.time.monotonicMs() + ms;
  while (made.time.monotonicMs() < endMs) {
    const upMs = random.between(...windowMs);
    const downMs = (upMs * (1 - duty)) / duty;
    for (let change = 0; change < 3; change += 1) {
      await edge.append();
      await made.run(downMs / 3);
    }
    const caughtMs = await edge.window(upMs);
    expect(caughtMs, `a window of ${Math.round(upMs)} ms was missed`).toBeDefined();
    took.push(caughtMs ?? upMs);
  }
  return took;
}

describe('an edge that is online a fifth of the time', () => {
  test('has everything soon after it comes, for hours', async () => {
    const seed = 1;
    const edge = await hubAndEdge(seed);
    const took = await live(edge, hourMs, seed);
    expect(took.length).toBeGreaterThan(40);
    expect(Math.max(...took)).toBeLessThan(caughtUpMs);
    expect(edge.fetched.bytes).toBeGreaterThan(0);
    expect(edge.fetched.again).toBe(0);
  });

  test('that nobody can dial does as well', async () => {
    const edge = await hubAndEdge(3);
    edge.made.shape('hub', 'edge', { dialFailProbability: 1, oneWay: true });
    const took = await live(edge, hourMs / 4, 3);
    expect(Math.max(...took)).toBeLessThan(caughtUpMs);
    expect(edge.fetched.again).toBe(0);
  });

  test('goes on with a blob where its last window ended, and stores no piece twice', async () => {
    const edge = await hubAndEdge(4);
    edge.made.crash('edge');
    edge.made.shape('hub', 'edge', { bytesPerSecond: 400_000 });
    for (let blob = 0; blob < 6; blob += 1) {
      await edge.append(true);
    }
    let windows = 1;
    while ((await edge.window(4_000)) === undefined) {
      windows += 1;
      expect(windows).toBeLessThan(20);
      await edge.made.run(16_000);
    }
    expect(windows).toBeGreaterThan(1);
    expect(edge.fetched.again).toBe(0);
  });
});
