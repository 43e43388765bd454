// A whole network in one process, on the clock and the chance it is handed: what happens in it
// depends on nothing else, so a failing run is a seed. Nodes find each other by address, and
// prove their keys by simply being who they are. Faults are switched while it runs.
import {
  silentLog,
  type Clock,
  type Log,
  type NodeId,
  type Random,
  type Transport,
} from '@hansa/foundation';
import { MemoryTransport, type Surroundings } from './memory-transport.ts';
import { calmLink, Path, type LinkTraits } from './path.ts';

export interface MemoryNetworkNeeds {
  readonly clock: Clock;
  readonly random: Random;
  /** Of every link until `faults.link` says otherwise; default: `calmLink`. */
  readonly options?: Partial<LinkTraits>;
  readonly log?: Log;
}

export interface MemoryNetwork {
  /** A node that listens at the address, `host:port`; PORT_TAKEN where another one does. */
  transport(node: NodeId, address: string): Transport;
  readonly faults: MemoryFaults;
}

export interface OneWay {
  /** From the first node to the second only; default: both ways. */
  readonly oneWay?: boolean;
}

export interface MemoryFaults {
  /** Changes a link between two nodes, for what is handed to it from now on. */
  link(from: NodeId, to: NodeId, traits: Partial<LinkTraits> & OneWay): void;
  /** One bit of a frame arrives changed, with this probability. */
  flip(from: NodeId, to: NodeId, probability: number): void;
  /** What is sent vanishes silently; frames are sent again after healing, as QUIC does. */
  partition(from: NodeId, to: NodeId, how?: OneWay): void;
  heal(from: NodeId, to: NodeId, how?: OneWay): void;
  /** The node and all that it has under way vanish; nobody is told. Its address is free again. */
  crash(node: NodeId): void;
  /** Every connection between the two is lost at once, at both ends. */
  cut(a: NodeId, b: NodeId): void;
}

export function createMemoryNetwork(needs: MemoryNetworkNeeds): MemoryNetwork {
  const listening = new Map<string, MemoryTransport>();
  const paths = new Map<string, Path>();
  const traits = { ...calmLink, ...needs.options };
  const surroundings: Surroundings = {
    clock: needs.clock,
    log: needs.log ?? silentLog,
    path(from, to) {
      const name = `${from}>${to}`;
      const path =
        paths.get(name) ?? new Path({ clock: needs.clock, random: needs.random, traits });
      paths.set(name, path);
      return path;
    },
    at: (address) => listening.get(address),
    leave(transport) {
      if (listening.get(transport.address) === transport) {
        listening.delete(transport.address);
      }
    },
  };
  return {
    transport(node, address) {
      const transport = new MemoryTransport({ node, address, surroundings });
      listening.set(address, transport);
      return transport;
    },
    faults: faultsOf(surroundings, listening),
  };
}

function faultsOf(
  surroundings: Surroundings,
  listening: ReadonlyMap<string, MemoryTransport>,
): MemoryFaults {
  const ways = (from: NodeId, to: NodeId, how: OneWay = {}): readonly Path[] =>
    how.oneWay === true
      ? [surroundings.path(from, to)]
      : [surroundings.path(from, to), surroundings.path(to, from)];
  const of = (node: NodeId): MemoryTransport[] =>
    [...listening.values()].filter((transport) => transport.node === node);
  const setBlocked = (
    blocked: boolean,
    nodes: readonly NodeId[],
    affected: readonly Path[],
  ): void => {
    for (const path of affected) {
      path.setBlocked(blocked);
    }
    for (const transport of nodes.flatMap(of)) {
      transport.listenAll();
    }
  };
  const link: MemoryFaults['link'] = (from, to, { oneWay = false, ...changes }) => {
    for (const path of ways(from, to, { oneWay })) {
      path.traits = { ...path.traits, ...changes };
    }
  };
  return {
    link,
    flip: (from, to, probability) => link(from, to, { flipProbability: probability }),
    partition: (from, to, how) => setBlocked(true, [from, to], ways(from, to, how)),
    heal: (from, to, how) => setBlocked(false, [from, to], ways(from, to, how)),
    crash(node) {
      for (const transport of of(node)) {
        transport.vanish();
      }
    },
    cut(a, b) {
      for (const transport of of(a)) {
        transport.lose(b);
      }
    },
  };
}
