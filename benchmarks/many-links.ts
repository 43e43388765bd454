// A hub with very many peers on virtual time, as a process of its own that may take memory: what
// all of it holds and what a virtual second of it costs, before anybody is linked and after.
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { createFederation, type Federation } from '../testkit/federation.ts';
import { noteKindName } from '../testkit/note-kind.ts';
import { askedBy } from './asked.ts';

export interface ManyLinks {
  /** Makes the clusters and what the hub owns; nobody knows anybody. */
  prepare(size: { readonly peers: number; readonly resources: number }): Promise<Held>;
  /** Links everybody with the hub, which shares all that it owns; resolves when they know it. */
  link(): Promise<Held>;
  /** Lets so many virtual milliseconds pass. */
  rest(ms: number): Promise<Passed>;
}

export interface Held {
  readonly rssBytes: number;
  readonly heapBytes: number;
}

export interface Passed {
  readonly cpuMs: number;
  /** Links of the hub that are well. */
  readonly live: number;
}

const settleMs = 20_000; // catalogs are told, first beats are through
const linkedAtOnce = 16;
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;
let federation: Federation | undefined;

function present(): Federation {
  if (federation === undefined) {
    throw new Error('nothing was prepared');
  }
  return federation;
}

async function held(): Promise<Held> {
  await present().time.settle();
  collect();
  collect();
  const { rss, heapUsed } = process.memoryUsage();
  return { rssBytes: rss, heapBytes: heapUsed };
}

const node: ManyLinks = {
  async prepare({ peers, resources }) {
    const names = Array.from({ length: peers }, (_, at) => `peer-${at}`);
    federation = await createFederation({ seed: 1, clusters: ['hub', ...names] });
    const { log, policies } = federation.cluster('hub').services;
    for (let at = 0; at < resources; at += 1) {
      const note = { kind: noteKindName, name: `note-${at}`, type: 'simulation/note' };
      await federation.complete(log.create(note));
    }
    await federation.complete(
      policies.add({
        effect: 'allow',
        resources: { kind: noteKindName },
        peers: { public: true },
        verbs: ['see', 'pull'],
      }),
    );
    await federation.time.advance(settleMs);
    return held();
  },
  async link() {
    const { clusters, cluster, complete, time } = present();
    const hub = cluster('hub').services.links;
    const peers = clusters.filter(({ name }) => name !== 'hub');
    for (let at = 0; at < peers.length; at += linkedAtOnce) {
      const some = peers.slice(at, at + linkedAtOnce).map(async ({ services }) => {
        const { token } = await hub.invite({ confirm: true });
        await services.links.accept({ token, confirm: true });
      });
      await complete(Promise.all(some));
    }
    await time.advance(settleMs);
    return held();
  },
  async rest(ms) {
    const { time, cluster } = present();
    const { user, system } = process.cpuUsage();
    await time.advance(ms);
    const used = process.cpuUsage({ user, system });
    const { links } = await cluster('hub').links();
    return {
      cpuMs: (used.user + used.system) / 1_000,
      live: links.filter(({ status }) => ['live', 'idle', 'syncing'].includes(status)).length,
    };
  },
};

askedBy(node, async () => present().close());
