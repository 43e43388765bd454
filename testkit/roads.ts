// The same service at the end of every road: in process, over the wire, over HTTP. A suite that is
// run on each of them proves that no road adds or loses anything.
import { createHttpCarrier } from '@hansa/client';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import {
  createWireSession,
  near,
  remote,
  serve,
  silentLog,
  type AnyContract,
  type Caller,
  type Carrier,
  type Contract,
  type Edge,
  type Gate,
} from '@hansa/foundation';
import { httpLimits, openHttp } from '@hansa/node';
import { createSystemClock } from '@hansa/system-node';
import { frameStreamPair } from './frame-streams.ts';

export interface Road<S> {
  /** `over the wire` */
  readonly name: string;
  make(): Promise<Travelled<S>>;
}

export interface Travelled<S> {
  readonly service: S;
  close(): Promise<void>;
}

/** The roads a contract can travel; HTTP only where every method has a route. */
export function roads<S extends object>(
  contract: Contract<S>,
  makeService: () => S | Promise<S>,
  caller: Caller = { kind: 'owner' },
): readonly Road<S>[] {
  const known = contract as unknown as AnyContract;
  const road = (name: string, build: Build): Road<S> => ({
    name,
    async make() {
      const service = await makeService();
      const gate = openGate(caller);
      const { carrier, close } = await build(serve([{ contract: known, service }], gate), gate);
      return { service: remote(contract, carrier), close };
    },
  });
  const hasRoutes = Object.values(known.methods).every(({ route }) => route !== undefined);
  return [
    road('in process', inProcess),
    road('over the wire', overWire),
    ...(hasRoutes ? [road('over HTTP', overHttp)] : []),
  ];
}

type Build = (edge: Edge, gate: Gate) => Promise<{ carrier: Carrier; close(): Promise<void> }>;

/** Lets everybody in as the one caller: what a gate decides is tested where gates are made. */
function openGate(caller: Caller): Gate {
  return {
    admit: () => undefined,
    authenticate: async () => caller,
    authorise: () => undefined,
    record: () => undefined,
  };
}

const credential = { source: 'testkit' };

const inProcess: Build = async (edge) => ({
  carrier: near(edge, credential),
  close: async () => undefined,
});

const overWire: Build = async (edge) => {
  const [here, there] = frameStreamPair();
  const needs = { codec: createMsgpackCodec(), clock: createSystemClock(), credential };
  const asking = createWireSession({ ...needs, stream: here });
  const serving = createWireSession({ ...needs, stream: there, edge });
  const never = new AbortController().signal;
  const over = Promise.allSettled([asking.run(never), serving.run(never)]);
  return {
    carrier: asking.carrier,
    async close() {
      asking.close('the test is over');
      await over;
    },
  };
};

const overHttp: Build = async (edge, gate) => {
  const road = await openHttp({
    edge,
    gate,
    routes: [],
    listen: { host: '127.0.0.1', port: 0 },
    log: silentLog,
    clock: createSystemClock(),
    version: 'test',
    // Nobody is about to ask again: the test has had its answers.
    limits: { ...httpLimits, quietMs: 0 },
  });
  const url = `http://${road.address.host}:${road.address.port}`;
  return { carrier: createHttpCarrier({ url, token: 'any' }), close: road.close };
};
