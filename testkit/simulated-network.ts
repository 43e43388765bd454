// The network between simulated clusters: the memory network, with every frame tapped at the wire
// and bytes flipped where a scenario wants them. What the clusters say to each other is read here
// by a parser that shares no code with them.
import type {
  Clock,
  ClusterId,
  Codec,
  Connection,
  FrameStream,
  NodeId,
  Random,
  Traffic,
  Transport,
} from '@hansa/foundation';
import { calmLink, createMemoryNetwork, type LinkTraits } from '@hansa/transport-memory';
import {
  createFaultBook,
  createLoadBook,
  type CountedLoad,
  type Flips,
  type Load,
} from './network-books.ts';
import type { SeededRandom } from './seeded-random.ts';
import type { SimulatedProcess } from './simulated-process.ts';

export interface NetworkPlace {
  readonly name: string;
  readonly cluster: ClusterId;
  readonly node: NodeId;
  readonly address: string;
}

export interface TappedFrame {
  readonly from: string;
  readonly to: string;
  /** As the sender wrote it, and as it arrives. */
  readonly bytes: Uint8Array;
  readonly arriving: Uint8Array;
  /** Of its stream; undefined for the first frame, which says it. */
  readonly traffic: Traffic | undefined;
}

/** Both ways, unless it says otherwise. */
export type Shape = Partial<LinkTraits> & { readonly oneWay?: boolean };

export interface SimulatedNetwork {
  open(place: NetworkPlace, process: SimulatedProcess): Transport;
  /** The process at that place is gone; its peers learn by silence. */
  vanish(place: NetworkPlace): void;
  partition(from: string, to: string, oneWay: boolean): void;
  heal(from: string, to: string): void;
  flip(from: string, to: string, flips: Flips): void;
  shape(from: string, to: string, traits: Shape): void;
  /** All connections between the two end at once. */
  cut(a: string, b: string): void;
  /** Since when nothing gets from the one to the other; undefined where it does. */
  blockedSinceMs(from: string, to: string): number | undefined;
  /** How often the one has dialled the other. */
  dials(from: string, to: string): number;
  load(from: string, to: string): Load;
  /**
   * Since when all is well between the two, as far as the network is concerned; undefined while it
   * is not.
   */
  calmSinceMs(a: string, b: string): number | undefined;
  /** Calm again, everywhere: no partition, no flip, no slowness. */
  calm(): void;
}

export interface NetworkNeeds {
  readonly clock: Clock;
  readonly random: SeededRandom;
  readonly codec: Codec;
  readonly places: readonly NetworkPlace[];
  readonly traits: Partial<LinkTraits>;
  tap(frame: TappedFrame): void;
}

export function createSimulatedNetwork(needs: NetworkNeeds): SimulatedNetwork {
  const { clock, random, places, traits } = needs;
  const inner = createMemoryNetwork({ clock, random: random.fork('frames'), options: traits });
  const nodeOf = new Map(places.map(({ name, node }) => [name, node]));
  const nameOf = new Map(places.map(({ name, node }) => [node, name]));
  const faults = createFaultBook(clock);
  const loads = createLoadBook();
  const node = (name: string): NodeId => present(nodeOf.get(name), name);
  const wrapping: Wrapping = {
    ...needs,
    flipped: random.fork('flips'),
    nameOf: (id) => present(nameOf.get(id), id),
    flipsOf: faults.flipsOf,
    loadOf: loads.load,
  };
  const heal = (from: string, to: string): void => {
    faults.healed(from, to);
    inner.faults.heal(node(from), node(to));
  };
  const shape = (from: string, to: string, changes: Shape): void => {
    faults.shaped(from, to);
    inner.faults.link(node(from), node(to), changes);
  };
  return {
    open: (place, process) =>
      wrapTransport(inner.transport(place.node, place.address), {
        ...wrapping,
        place,
        process,
        dialling: (to) => loads.dialled(place.name, to),
      }),
    vanish: (place) => inner.faults.crash(place.node),
    partition(from, to, oneWay) {
      faults.blocked(from, to);
      if (!oneWay) {
        faults.blocked(to, from);
      }
      inner.faults.partition(node(from), node(to), { oneWay });
    },
    heal,
    shape,
    flip: faults.flipped,
    cut(a, b) {
      faults.cut(a, b);
      inner.faults.cut(node(a), node(b));
    },
    blockedSinceMs: faults.blockedSinceMs,
    dials: loads.dials,
    load: loads.load,
    calmSinceMs: faults.calmSinceMs,
    calm() {
      for (const from of places) {
        for (const to of places.filter(({ name }) => name > from.name)) {
          heal(from.name, to.name);
          shape(from.name, to.name, { ...calmLink, ...traits });
        }
      }
      faults.calmed();
    },
  };
}

function present<T>(value: T | undefined, what: string): T {
  if (value === undefined) {
    throw new Error(`the network knows no ${what}`);
  }
  return value;
}

interface Wrapping {
  readonly codec: Codec;
  readonly flipped: Random;
  nameOf(node: NodeId): string;
  flipsOf(from: string, to: string): Flips | undefined;
  loadOf(from: string, to: string): CountedLoad;
  tap(frame: TappedFrame): void;
}

interface Opened extends Wrapping {
  readonly place: NetworkPlace;
  readonly process: SimulatedProcess;
  dialling(to: string): void;
}

function wrapTransport(inner: Transport, opened: Opened): Transport {
  const { process } = opened;
  return {
    node: inner.node,
    addresses: () => inner.addresses(),
    dial: async (to, protocol, signal) => {
      opened.dialling(opened.nameOf(to.node));
      return wrapConnection(await process.fence(inner.dial(to, protocol, signal)), opened);
    },
    accept: (protocol, handler) =>
      inner.accept(protocol, (connection) => handler(wrapConnection(connection, opened))),
    close: () => process.fence(inner.close()),
  };
}

function wrapConnection(inner: Connection, opened: Opened): Connection {
  const ends = { from: opened.place.name, to: opened.nameOf(inner.remote) };
  const { fence } = opened.process;
  const load = opened.loadOf(ends.from, ends.to);
  load.connections += 1;
  void inner.closed.then(() => (load.connections -= 1));
  return {
    remote: inner.remote,
    protocol: inner.protocol,
    dialled: inner.dialled,
    closed: inner.closed,
    close: (reason) => inner.close(reason),
    openStream: async () => wrapStream(await fence(inner.openStream()), opened, ends),
    async acceptStream() {
      const stream = await fence(inner.acceptStream());
      return stream === undefined ? undefined : wrapStream(stream, opened, ends);
    },
  };
}

function wrapStream(
  inner: FrameStream,
  opened: Opened,
  ends: { readonly from: string; readonly to: string },
): FrameStream {
  const { fence } = opened.process;
  const load = opened.loadOf(ends.from, ends.to);
  // A stream says its traffic class in its first frame, whichever side opened it.
  let traffic: Traffic | undefined;
  const learn = (frame: Uint8Array | undefined): void => {
    if (traffic === undefined && frame !== undefined) {
      traffic = trafficOf(opened.codec, frame);
    }
  };
  return {
    send(frame) {
      const said = traffic;
      learn(frame);
      const flips = said !== undefined ? opened.flipsOf(ends.from, ends.to) : undefined;
      const strikes =
        flips !== undefined &&
        traffic !== undefined &&
        flips.traffic.includes(traffic) &&
        opened.flipped.fraction() < flips.probability;
      const arriving = strikes ? flippedFrame(opened.flipped, frame) : frame;
      load.frames += 1;
      load.bytes += frame.length;
      opened.tap({ ...ends, bytes: frame, arriving, traffic: said });
      return fence(inner.send(arriving));
    },
    async receive() {
      const frame = await fence(inner.receive());
      learn(frame);
      return frame;
    },
    finish: () => fence(inner.finish()),
    abort: (reason) => inner.abort(reason),
  };
}

function trafficOf(codec: Codec, frame: Uint8Array): Traffic | undefined {
  try {
    const said = codec.decode(frame);
    const named = typeof said === 'object' && said !== null && 'traffic' in said;
    const { traffic } = named ? said : { traffic: undefined };
    return traffic === 'control' || traffic === 'state' || traffic === 'bulk' ? traffic : undefined;
  } catch {
    return undefined;
  }
}

function flippedFrame(random: Random, frame: Uint8Array): Uint8Array {
  const flipped = frame.slice();
  const at = Math.floor(random.fraction() * flipped.length);
  flipped[at] = (flipped[at] ?? 0) ^ (1 << Math.floor(random.fraction() * 8));
  return flipped;
}
