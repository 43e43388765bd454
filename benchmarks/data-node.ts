// One node of a measured pair that keeps keys, values and streams, told what to do by messages of
// the process that started it.
import { kvContract } from '@hansa/capabilities/kv/contract';
import { linksContract } from '@hansa/capabilities/links/contract';
import { linkPeerContract } from '@hansa/capabilities/links/wire';
import { streamContract } from '@hansa/capabilities/stream/contract';
import { syncContract } from '@hansa/capabilities/sync/contract';
import { syncPeerContract } from '@hansa/capabilities/sync/wire';
import { federatedIdSchema, remote } from '@hansa/foundation';
import { askedBy } from './asked.ts';
import { countFrames } from './frame-count.ts';
import { startMeasured } from './measured-node.ts';

/** What the starting process may ask; every answer is plain data. */
export interface DataNode {
  invite(): Promise<string>;
  accept(token: string): Promise<void>;
  status(peer: string): Promise<string>;
  /** Shares it with everybody linked. */
  share(kind: 'kv' | 'stream', name: string): Promise<void>;
  mirror(resource: string): Promise<void>;
  createStream(name: string): Promise<void>;
  /** By so many callers, one message each at a time; resolves with how long it took. */
  append(stream: string, work: { count: number; callers: number; bytes: number }): Promise<number>;
  /** Resolves when the stream's last message is this one. */
  untilLast(stream: string, sequence: number): Promise<void>;
  last(stream: string): Promise<number>;
  createSpace(name: string): Promise<void>;
  /** Values of so many bytes under keys from `k0` on. */
  fill(space: string, work: { keys: number; bytes: number }): Promise<void>;
  /** Resolves when the mirror stands at its owner's revision. */
  untilRevision(space: string, revision: number): Promise<void>;
  revision(space: string): Promise<number>;
  keys(space: string): Promise<number>;
  /** One after the other; each says in its value when it was begun. */
  putTimed(space: string, count: number): Promise<readonly number[]>;
  /** Begins to watch; `delays` resolves when so many timed values came. */
  watch(space: string): Promise<void>;
  delays(count: number): Promise<readonly number[]>;
  /**
   * Milliseconds of requests of 128 bytes to a peer, one after the other: what a mirror asks of its
   * owner, or, of control, what the doctor does.
   */
  ask(peer: string, count: number, traffic: 'state' | 'control'): Promise<readonly number[]>;
  /** Payload bytes of frames since the last time it was asked. */
  frames(): Promise<{ readonly sent: number; readonly received: number; readonly frames: number }>;
}

const [data = '', name = ''] = process.argv.slice(2);
let counted = countFrames(undefined);
const measured = await startMeasured({
  data,
  name,
  transport(made) {
    counted = countFrames(made);
    return counted.transport;
  },
});
const { clock, random, peers, ask, invite, accept, share, signal } = measured;
const links = ask(linksContract);
const sync = ask(syncContract);
const streams = ask(streamContract);
const kv = ask(kvContract);
const fillOps = 64; // of one transaction
const pollMs = 5; // looking costs the node that is measured

/** Of one clock that all processes of the machine share. */
function sharedMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

async function until(done: () => Promise<boolean>): Promise<void> {
  while (!(await done())) {
    await clock.sleep(pollMs);
  }
}

/** Resolves with the milliseconds; every caller begins its next when its last is answered. */
async function together(
  work: { readonly count: number; readonly callers: number },
  one: (index: number) => Promise<unknown>,
): Promise<number> {
  const startedMs = performance.now();
  let begun = 0;
  const caller = async (): Promise<void> => {
    while (begun < work.count) {
      begun += 1;
      await one(begun - 1);
    }
  };
  await Promise.all(Array.from({ length: work.callers }, caller));
  return performance.now() - startedMs;
}

let delays: number[] = [];

async function follow(space: string): Promise<void> {
  for await (const { events } of kv.watch({ space }, { signal })) {
    const seenMs = sharedMs();
    for (const event of events) {
      delays.push('text' in event ? seenMs - Number(event.text) : Number.NaN);
    }
  }
}

const node: DataNode = {
  invite,
  accept,
  status: async (peer) => (await links.show({ peer })).status,
  share,
  async mirror(resource) {
    await sync.add({ resource });
  },
  async createStream(stream) {
    await streams.create({ name: stream });
  },
  append: (stream, { bytes, ...work }) => {
    const messages = [{ payload: 'x'.repeat(bytes) }];
    return together(work, () => streams.append({ stream, messages }));
  },
  untilLast: (stream, sequence) =>
    until(async () => (await streams.show({ stream })).last >= sequence),
  last: async (stream) => (await streams.show({ stream })).last,
  async createSpace(space) {
    await kv.create({ name: space });
  },
  async fill(space, { keys, bytes }) {
    const text = 'x'.repeat(bytes);
    for (let at = 0; at < keys; at += fillOps) {
      const length = Math.min(fillOps, keys - at);
      const puts = Array.from({ length }, (_, index) => ({
        put: { key: `k${at + index}`, text },
      }));
      await kv.transact({ space, if: [], then: puts });
    }
  },
  untilRevision: (space, revision) =>
    until(async () => {
      const resource = space.replace(':', ':kv/');
      return ((await sync.show({ resource })).applied?.sequence ?? 0) >= revision;
    }),
  revision: async (space) => (await kv.show({ space })).revision,
  async keys(space) {
    let keys = 0;
    let cursor: string | undefined;
    do {
      const page = await kv.list({
        space,
        limit: 1_000,
        ...(cursor === undefined ? {} : { cursor }),
      });
      keys += page.entries.length;
      cursor = page.cursor;
    } while (cursor !== undefined);
    return keys;
  },
  async putTimed(space, count) {
    const acked: number[] = [];
    for (let at = 0; at < count; at += 1) {
      const startedMs = sharedMs();
      await kv.put({ space, key: `timed${at % 100}`, text: `${startedMs}`.padEnd(128) });
      acked.push(sharedMs() - startedMs);
      await clock.sleep(2 + 8 * random.fraction()); // nobody's rhythm
    }
    return acked;
  },
  async watch(space) {
    delays = [];
    void follow(space);
  },
  async delays(count) {
    await until(async () => delays.length >= count);
    return delays.splice(0);
  },
  async ask(peer, count, traffic) {
    const { peer: cluster } = await links.show({ peer });
    const carrier = peers.carrier(cluster);
    const payload = random.bytes(128);
    const owned = federatedIdSchema.parse(`${cluster}:kv/`.padEnd(payload.length, 'x'));
    const one = {
      control: () => remote(linkPeerContract, carrier).probe({ payload }),
      state: () => remote(syncPeerContract, carrier).heads({ resources: [owned] }),
    }[traffic];
    const tookMs: number[] = [];
    for (let at = 0; at < count; at += 1) {
      const startedMs = performance.now();
      await one();
      tookMs.push(performance.now() - startedMs);
    }
    return tookMs;
  },
  frames: async () => counted.taken(),
};

askedBy(node, measured.end);
