// Apps as peers see them: what is announced, and calls that they pass on. Only a cluster that is
// linked both ways is told anything.
import { callingCluster, changedKeys, HansaError, type ClusterId } from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import { callElsewhere, callHere, requirePassable } from './calling.ts';
import { announcedMax, proxyHopsMax, type Manifest } from './contract.ts';
import type { AppsNeeds } from './service.ts';
import type { Announced, AppsPeer } from './wire.ts';

export function createAppsPeer(needs: AppsNeeds): AppsPeer {
  const { registered, neighbours, proxy, peers } = needs;
  const tell = (peer: ClusterId): readonly Announced[] => announcedTo(needs, peer);
  return {
    async list(_input, call) {
      const peer = callingCluster(call);
      return { apps: tell(peer), proxy: proxy && isLinked(peers, peer) };
    },
    async *changes(_input, call) {
      const peer = callingCluster(call);
      let generation = 0;
      const changed = changedKeys<'changed'>((say) => {
        const note = (): void => say('changed');
        const stops = [
          registered.subscribe(note),
          neighbours.subscribe(note),
          peers.subscribe((cluster) => (cluster === peer ? note() : undefined)),
        ];
        return () => stops.forEach((stop) => stop());
      }, call?.signal);
      let before = JSON.stringify(tell(peer));
      yield { generation };
      for await (const _change of changed) {
        const now = JSON.stringify(tell(peer));
        if (now !== before) {
          before = now;
          generation += 1;
          yield { generation };
        }
      }
    },
    async call({ app, token: text, hops, ...request }, call) {
      const peer = callingCluster(call);
      requireWelcome(needs, peer, hops);
      const token = needs.checks.inspect(text);
      if (token.issuer !== `cluster:${peer}` || token.depth === 0) {
        throw new HansaError('TOKEN_WRONG_AUDIENCE', 'the token was not made by who passes it on');
      }
      requirePassable(needs, token, app);
      const signal = call?.signal ?? new AbortController().signal;
      const journey = { app, request, hops, token: text, signal };
      const here = needs.find(app);
      if (here === undefined || here.private) {
        return callElsewhere(needs, journey);
      }
      // Good by its own word is not enough where it ends: it must come from us, and be unrevoked.
      const { subject, root } = needs.checks.verify(text);
      const caller = `token ${encodeURIComponent(subject)} of ${root} by ${peer}`;
      return callHere(needs, here, { ...journey, caller });
    },
  };
}

function requireWelcome(
  { proxy, peers, cluster }: AppsNeeds,
  peer: ClusterId,
  hops: readonly ClusterId[],
): void {
  if (!proxy || !isLinked(peers, peer)) {
    throw new HansaError('PROXY_REFUSED', 'this cluster takes no calls that others pass on', {
      fix: 'its owner lets it: hansa up --proxy on',
    });
  }
  if (hops.at(-1) !== peer || hops.includes(cluster) || new Set(hops).size < hops.length) {
    throw new HansaError('PROXY_REFUSED', 'the call came in a circle, or not from who says so');
  }
}

/** Linked both ways, where we hold a half-link at all: as policy sees a cluster that it serves. */
function isLinked(peers: Peers, peer: ClusterId): boolean {
  const { name, active, mine, theirs } = peers.standing(peer);
  return name !== undefined && active && (theirs || !mine);
}

/** Own apps; and where calls are passed on, what lies behind others who let that be known. */
function announcedTo(needs: AppsNeeds, peer: ClusterId): readonly Announced[] {
  const { cluster, proxy, registered, neighbours, peers } = needs;
  if (!isLinked(peers, peer)) {
    return [];
  }
  const own = [...registered.rows.values()]
    .map(({ value }) => value)
    .filter((app) => !app.private)
    .map((app) => ({ ...manifestOf(app), cluster, distance: 0 }));
  const behind = neighbours
    .apps()
    .filter(
      (app) =>
        proxy &&
        neighbours.heard(app.via)?.proxy === true &&
        app.via !== peer &&
        app.cluster !== peer &&
        app.distance + 1 < proxyHopsMax,
    )
    .map((app) => ({ ...manifestOf(app), cluster: app.cluster, distance: app.distance + 1 }));
  const nearest = behind.filter(
    (one, at) =>
      behind.findIndex(({ id, cluster: where }) => id === one.id && where === one.cluster) === at,
  );
  return [...own, ...nearest].slice(0, announcedMax);
}

function manifestOf({ id, version, name, capabilities }: Manifest): Manifest {
  return { id, version, name, capabilities };
}
