// A signal router on its own: sockets, clock and, where a folder is given, a store; no cluster, no
// identity and no set-up.
import { createSignals, type SignalsNeeds } from '@hansa/capabilities/signals/capability';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { HansaError, type Log } from '@hansa/foundation';
import { listenTcp, listenWebSocket, type SignalListener } from '@hansa/signal-sockets';
import { openLmdbStore } from '@hansa/store-lmdb';
import { createSystemClock, createSystemRandom } from '@hansa/system-node';
import { isLoopback } from './listener-config.ts';

export interface SignalServerOptions extends Pick<
  SignalsNeeds,
  'options' | 'tokens' | 'journal' | 'peers'
> {
  readonly host: string;
  /** Of the WebSocket; 0 chooses one. */
  readonly port: number;
  /** Absent: no TCP; 0 chooses one. */
  readonly tcpPort?: number | undefined;
  /** Lets in everybody, with or without a token: on loopback only. */
  readonly open: boolean;
  /** Where params are stored; absent: in memory alone. */
  readonly folder?: string | undefined;
  readonly log: Log;
}

export interface SignalServer {
  readonly port: number;
  readonly tcpPort: number | undefined;
  readonly url: string;
  stop(): Promise<void>;
}

/** CONFIG_INVALID, PORT_TAKEN, or what the store says. */
export async function serveSignals(options: SignalServerOptions): Promise<SignalServer> {
  checkDoor(options);
  const { host, log, folder, tokens, open } = options;
  const clock = createSystemClock();
  const store = folder === undefined ? undefined : await openLmdbStore({ folder, clock, log });
  const undo: (() => Promise<void>)[] = [async () => store?.close()];
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).toReversed()) {
      await step();
    }
  };
  try {
    const signals = await createSignals({
      clock,
      random: createSystemRandom(),
      log,
      journal: options.journal,
      peers: options.peers,
      options: options.options,
      tokens: open ? undefined : (tokens ?? []),
      kept:
        store === undefined
          ? undefined
          : { store, codec: createMsgpackCodec(), crypto: createNodeCrypto() },
    });
    undo.push(() => signals.stop());
    const { accept } = signals;
    const listening = async (listener: Promise<SignalListener>): Promise<number> => {
      const { port: taken, close } = await listener;
      undo.push(close);
      return taken;
    };
    const port = await listening(listenWebSocket({ host, port: options.port, accept, log }));
    const tcpPort =
      options.tcpPort === undefined
        ? undefined
        : await listening(listenTcp({ host, port: options.tcpPort, accept, log }));
    const name = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
    return { port, tcpPort, url: `ws://${name}:${port}`, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function checkDoor({ open, host, folder, options }: SignalServerOptions): void {
  if (open && !isLoopback(host)) {
    throw new HansaError('CONFIG_INVALID', 'an open router would take writes from anywhere', {
      fix: 'let it listen on 127.0.0.1, or list tokens instead of --open',
      facts: { host },
    });
  }
  if (folder === undefined && options?.rules?.some(({ durable }) => durable === true) === true) {
    throw new HansaError('CONFIG_INVALID', 'without a folder no param is durable', {
      fix: 'give a folder with --data',
    });
  }
}
