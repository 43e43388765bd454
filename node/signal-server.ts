// A signal router on its own: sockets, clock and, where a folder is given, a store; no cluster, no
// identity and no set-up.
import { randomUUID } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { createSecureContext } from 'node:tls';
import {
  createMemoryJournal,
  createSignals,
  type SignalsNeeds,
} from '@hansa/capabilities/signals/capability';
import type { FederationConfig } from '@hansa/capabilities/signals/federation/config';
import type { EndpointStatus } from '@hansa/capabilities/signals/federation/manager';
import type { KnownToken } from '@hansa/capabilities/signals/router/scopes';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { HansaError, type Log } from '@hansa/foundation';
import {
  listenTcp,
  listenWebSocket,
  type SignalListener,
  type WebSocketNeeds,
} from '@hansa/signal-sockets';
import { openLmdbStore } from '@hansa/store-lmdb';
import { createJsonLog, createSystemClock, createSystemRandom } from '@hansa/system-node';
import { makeDataFolder } from './data-folder.ts';
import { isLoopback } from './listener-config.ts';
import { announceRouter } from './signal-announcing.ts';
import { checkAuthorities, checkedUrl, dialSignals } from './signal-dialling.ts';
import { checkOrigins } from './signal-origins.ts';

export interface SignalServerOptions {
  readonly options?: SignalsNeeds['options'];
  readonly host: string;
  /** Of the WebSocket; 0 chooses one. */
  readonly port: number;
  /** Absent: no TCP; 0 chooses one. */
  readonly tcpPort?: number | undefined;
  /** Lets in everybody, with or without a token: on loopback only. */
  readonly open: boolean;
  readonly tokens?: readonly KnownToken[] | undefined;
  /** Public keys whose `cap_` tokens count. */
  readonly anchors?: readonly Uint8Array[] | undefined;
  /** Where params are stored; absent: in memory alone. */
  readonly folder?: string | undefined;
  /** Remembers in memory what passed, for REPLAY. */
  readonly journal?: boolean | undefined;
  readonly tls?: WebSocketNeeds['tls'];
  /** Of web pages that may connect beside those that this machine serves. */
  readonly origins?: readonly string[] | undefined;
  /** Tells the local network that it is here: DISCOVERY_OFF on loopback. */
  readonly announced?: boolean | undefined;
  /** Absent: no other routers. */
  readonly federation?: Partial<FederationConfig> | undefined;
  /** In PEM: who may vouch for `wss:` routers that are dialled; default: those of Node.js. */
  readonly hubAuthorities?: string | undefined;
  readonly log: Log;
}

export interface SignalServer {
  readonly port: number;
  readonly tcpPort: number | undefined;
  readonly url: string;
  /** What other routers know this one by; undefined without a federation. */
  readonly routerId: string | undefined;
  /** Of the routers that are dialled. */
  endpoints(): readonly EndpointStatus[];
  stop(): Promise<void>;
}

/** CONFIG_INVALID, INPUT_INVALID, PORT_TAKEN, or what the store says. */
export async function serveSignals(options: SignalServerOptions): Promise<SignalServer> {
  checkDoor(options);
  checkFiles(options);
  const { host, log, tcpPort, tls, origins } = options;
  const undo: (() => Promise<void>)[] = [];
  const stop = async (): Promise<void> => {
    for (const step of undo.splice(0).toReversed()) {
      await step();
    }
  };
  try {
    const { accept, federation } = await startRouter(options, undo);
    const listening = async (listener: Promise<SignalListener>): Promise<number> => {
      const { port: taken, close } = await listener;
      undo.push(close);
      return taken;
    };
    const webSocket = { host, port: options.port, accept, log, tls, origins };
    const port = await listening(listenWebSocket(webSocket));
    if (options.announced === true) {
      const told = { host, port, isTls: tls !== undefined, features: options.options?.features };
      const named = { ...told, name: options.options?.name ?? nameHere(port) };
      undo.push(await announceRouter(named, { clock: createSystemClock(), log }));
    }
    const tcp =
      tcpPort === undefined
        ? undefined
        : await listening(listenTcp({ host, port: tcpPort, accept, log }));
    const name = host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
    return {
      port,
      tcpPort: tcp,
      url: `${tls === undefined ? 'ws' : 'wss'}://${name}:${port}`,
      routerId: federation?.routerId,
      endpoints: () => federation?.endpoints() ?? [],
      stop,
    };
  } catch (error) {
    await stop();
    throw error;
  }
}

async function startRouter(
  options: SignalServerOptions,
  undo: (() => Promise<void>)[],
): ReturnType<typeof createSignals> {
  const { log, folder, tokens = [], anchors = [], open, federation } = options;
  const { hubAuthorities: authorities } = options;
  const clock = createSystemClock();
  const crypto = createNodeCrypto();
  const store = folder === undefined ? undefined : await openStore({ folder, clock, log });
  undo.push(async () => store?.close());
  const routerId = federation?.routerId ?? (federation && (await keptId(folder)));
  const signals = await createSignals({
    clock,
    random: createSystemRandom(),
    log,
    journal: options.journal === true ? createMemoryJournal() : undefined,
    options: options.options,
    door: open ? undefined : { crypto, tokens, anchors },
    kept: store && { store, codec: createMsgpackCodec(), crypto },
    federation: federation && {
      config: { ...federation, ...(routerId === undefined ? {} : { routerId }) },
      dial: (target) => dialSignals({ ...target, log, authorities }),
    },
  });
  undo.push(() => signals.stop());
  return signals;
}

/** CONFIG_INVALID where there can be no such folder. */
async function openStore(
  needs: Parameters<typeof openLmdbStore>[0],
): ReturnType<typeof openLmdbStore> {
  await makeDataFolder(needs.folder);
  return openLmdbStore(needs);
}

/** Other routers know this one again by it, after a restart as well; undefined without a folder. */
async function keptId(folder: string | undefined): Promise<string | undefined> {
  if (folder === undefined) {
    return undefined;
  }
  const file = join(folder, 'router.id');
  const kept = await readFile(file, 'utf8').catch(() => '');
  if (kept.trim() !== '') {
    return kept.trim();
  }
  const made = randomUUID();
  await writeFile(file, `${made}\n`);
  return made;
}

/** No other router of the network has it, unless somebody gave one a name. */
function nameHere(port: number): string {
  return `Hansa ${hostname()} ${port}`;
}

/** What would otherwise be found out with the first line, and by nobody. */
function checkFiles({ tls, federation, hubAuthorities }: SignalServerOptions): void {
  const { mode } = federation ?? {};
  const dialled =
    mode?.kind === 'leaf' ? [mode.hubEndpoint] : mode?.kind === 'mesh' ? mode.peers : [];
  dialled.forEach(checkedUrl);
  checkAuthorities(hubAuthorities);
  try {
    if (tls !== undefined) {
      createSecureContext({ cert: tls.certificate, key: tls.key });
    }
  } catch (cause) {
    throw new HansaError('CONFIG_INVALID', 'TLS cannot be spoken with this certificate and key', {
      cause,
      fix: 'give a certificate in PEM by --tls-cert, and the key that belongs to it by --tls-key',
    });
  }
}

/** As `hansa signal serve` writes it. */
export function signalLog(write: (line: string) => void, level: 'event' | 'problem'): Log {
  return createJsonLog({ write, clock: createSystemClock(), level });
}

function checkDoor({ open, host, folder, options, origins }: SignalServerOptions): void {
  checkOrigins(origins ?? [], open);
  if (open && !isLoopback(host)) {
    throw new HansaError('CONFIG_INVALID', 'an open router would take writes from anywhere', {
      fix: 'let it listen on 127.0.0.1, or list tokens with --auth-file instead of --open',
      facts: { host },
    });
  }
  const rules = folder === undefined ? (options?.rules ?? []) : [];
  if (rules.some(({ durable }) => durable === true)) {
    throw new HansaError('CONFIG_INVALID', 'without a folder no param is durable', {
      fix: 'give a folder with --data',
    });
  }
  if (rules.some(({ journalEntries = 0 }) => journalEntries > 0)) {
    throw new HansaError('CONFIG_INVALID', 'without a folder no rule has a journal', {
      fix: 'give a folder with --data, or keep a journal in memory with --journal',
    });
  }
}
