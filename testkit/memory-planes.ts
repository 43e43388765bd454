// Data planes in memory: what links ask of one, between nodes of one process, under a test's hand.
import type {
  DataPlane,
  PlaneConnection,
  PlaneDoor,
} from '@hansa/capabilities/links/planes-driver';
import { HansaError, type NodeId } from '@hansa/foundation';
import { frameStreamPair } from './frame-streams.ts';

export interface MemoryPlanes {
  /** The plane of one node; it listens at the address. */
  plane(node: NodeId, address: string): DataPlane;
  /** Nobody reaches the address any more, or everybody again. */
  setReachable(address: string, reachable: boolean): void;
  /** Breaks every connection that is up, as a network does. */
  cut(): void;
  /** Connections that are up. */
  readonly open: number;
  /** Dials that were tried. */
  readonly dials: readonly string[];
}

interface Listener {
  readonly node: NodeId;
  door: PlaneDoor | undefined;
}

export function createMemoryPlanes(): MemoryPlanes {
  const listeners = new Map<string, Listener>();
  const unreachable = new Set<string>();
  const ends = new Map<PlaneConnection, (reason: string) => void>();
  const dials: string[] = [];
  const connect = (from: NodeId, to: Listener): readonly [PlaneConnection, PlaneConnection] => {
    const streams = frameStreamPair();
    let settle: (end: { reason: string }) => void = () => undefined;
    const closed = new Promise<{ reason: string }>((resolve) => {
      settle = resolve;
    });
    const end = (reason: string): void => {
      streams[0].abort(reason);
      streams[1].abort(reason);
      [near, far].forEach((each) => ends.delete(each));
      settle({ reason });
    };
    const half = (remote: NodeId, dialled: boolean): PlaneConnection => ({
      remote,
      dialled,
      stream: streams[dialled ? 0 : 1],
      admit: () => undefined,
      closed,
      close: end,
    });
    const [near, far] = [half(to.node, true), half(from, false)];
    [near, far].forEach((each) => ends.set(each, end));
    return [near, far];
  };
  return {
    plane(node, address) {
      const listener: Listener = { node, door: undefined };
      listeners.set(address, listener);
      return {
        addresses: () => [address],
        async dial(to, signal) {
          signal.throwIfAborted();
          for (const each of to.addresses) {
            dials.push(each);
            const there = listeners.get(each);
            const { door } = there ?? {};
            if (there?.node === to.node && !unreachable.has(each) && door?.expects(node) === true) {
              const [near, far] = connect(node, there);
              void door.arrived(far);
              return near;
            }
          }
          throw new HansaError('DIAL_FAILED', `no plane to ${to.node}`);
        },
        open(door) {
          listener.door = door;
        },
        close: async () => void listeners.delete(address),
      };
    },
    setReachable(address, reachable) {
      if (reachable) {
        unreachable.delete(address);
      } else {
        unreachable.add(address);
      }
    },
    cut: () => [...ends.values()].forEach((end) => end('the cable was cut')),
    get open() {
      return ends.size / 2;
    },
    dials,
  };
}
