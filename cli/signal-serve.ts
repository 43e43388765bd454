// `hansa signal serve`: a signal router on its own, in the foreground; no cluster, no set-up. The
// daemon's package has the sockets and the store; it is loaded for this command alone.
import { resolve } from 'node:path';
import { signalKinds } from '@hansa/capabilities/signals/contract';
import {
  countOption,
  flagOption,
  HansaError,
  textOption,
  type CommandOption,
} from '@hansa/foundation';
import { listenForEnd } from './listen-for-end.ts';
import type { LocalCommand, LocalContext } from './local-commands.ts';
import {
  federationOf,
  federationOptions,
  hubAuthorities,
  wordsOf,
  type Federating,
} from './signal-federation.ts';
import {
  isExposed,
  readAnchors,
  readRules,
  readTokenList,
  tokenListExample,
} from './signal-files.ts';
import { readText } from './signal-terminal.ts';
import { asksForPrograms } from './terminal.ts';

const loadNode = () => import('@hansa/node');
type NodeRoom = Awaited<ReturnType<typeof loadNode>>;
type ServeOptions = Parameters<NodeRoom['serveSignals']>[0];
type SignalServer = Awaited<ReturnType<NodeRoom['serveSignals']>>;

const portDefault = 7_330; // of the protocol
const portMax = 65_535; // what two bytes can say

const featureNames = [...signalKinds, 'federation'].join(', ');

const serveOptions: readonly CommandOption[] = [
  { flags: '--host <host>', description: 'where it listens (default 127.0.0.1)' },
  { flags: '--port <port>', description: 'of the WebSocket (default 7330; 0 chooses one)' },
  { flags: '--tcp-port <port>', description: 'frames over plain TCP too (default: not)' },
  { flags: '--open', description: 'let in whoever is on this machine; on loopback only' },
  { flags: '--auth-file <file>', description: 'cpsk_ tokens with scopes and expiry, as YAML' },
  { flags: '--trust-anchor <file...>', description: 'public keys whose cap_ tokens count' },
  {
    flags: '--allow-origin <origin...>',
    description: 'web pages that may connect (default: those that this machine serves)',
  },
  { flags: '--tls-cert <file>', description: 'speak wss:// with this certificate' },
  { flags: '--tls-key <file>', description: 'the key of that certificate' },
  { flags: '--data <folder>', description: 'keep params here (default: in memory alone)' },
  {
    flags: '--durable <pattern...>',
    description: 'params acknowledged once they are stored (default with --data: all)',
  },
  { flags: '--rules <file>', description: 'strategy, lifetime and more by pattern, as YAML' },
  { flags: '--journal', description: 'remember in memory what passed, for REPLAY' },
  { flags: '--rate-limit <number>', description: 'messages a second of each session; 0 for any' },
  {
    flags: '--features <names...>',
    description: `what it takes and its links carry: ${featureNames} (default: all but the last)`,
  },
  { flags: '--mdns', description: 'tell the local network where it is (default: tell nobody)' },
  { flags: '--name <name>', description: 'what it calls itself (default Hansa)' },
  {
    flags: '--log-level <level>',
    description: 'what is logged to stderr',
    choices: ['event', 'problem'],
    default: 'event',
  },
  ...federationOptions,
];

export const signalServe: LocalCommand = {
  local: true,
  noun: 'signal',
  verb: 'serve',
  summary: 'Run a signal router here, by itself: WebSocket, TCP, links to other routers.',
  options: serveOptions,
  examples: [
    'hansa signal serve --port 7330 --open --rate-limit 0 --features federation',
    `hansa signal serve --open --federation-hub ws://hub:7330 --federation-namespaces '/a/**'`,
    'hansa signal serve --host 0.0.0.0 --auth-file tokens.yaml --data ./signals',
  ],
  async run(context) {
    const end = listenForEnd(process);
    const { options, warnings } = await readOptions(context);
    const { serveSignals, signalLog } = await loadNode();
    const level = textOption(context, 'logLevel') === 'problem' ? 'problem' : 'event';
    const log = signalLog((line) => process.stderr.write(line), level);
    const server = await serveSignals({ ...options, log });
    const told = asksForPrograms(process.argv.slice(2))
      ? [JSON.stringify(dataOf(server, options))]
      : linesOf(server, options);
    warnings.forEach((words) => process.stderr.write(`warning: ${words}\n`));
    told.forEach((line) => context.print(line));
    await end.asked;
    await server.stop();
    return 0;
  },
};

type Given = Omit<ServeOptions, 'log'>;

async function readOptions(
  context: LocalContext,
): Promise<{ readonly options: Given; readonly warnings: readonly string[] }> {
  const host = textOption(context, 'host') ?? '127.0.0.1';
  const door = await doorOf(context);
  const tls = await tlsOf(context);
  const folder = textOption(context, 'data');
  if (folder === '') {
    throw new HansaError('USAGE', '--data names no folder', {
      fix: 'leave it out, and params stay in memory alone',
    });
  }
  const features = featuresOf(context);
  const kinds = signalKinds.filter((kind) => features.includes(kind));
  const isAway = !['127.0.0.1', 'localhost', '::1', '[::1]'].includes(host);
  return {
    options: {
      ...door.options,
      host,
      port: portOf(context, 'port') ?? portDefault,
      tcpPort: portOf(context, 'tcpPort'),
      tls,
      origins: wordsOf(context, 'allowOrigin'),
      folder: folder === undefined ? undefined : resolve(folder),
      journal: flagOption(context, 'journal'),
      announced: flagOption(context, 'mdns'),
      federation: await federationOf(context, features),
      hubAuthorities: await hubAuthorities(context),
      options: {
        name: textOption(context, 'name'),
        features: kinds.length === 0 ? undefined : kinds,
        messagesPerSecondMax: countOption(context, 'rateLimit'),
        rules: await rulesOf(context, folder !== undefined),
      },
    },
    warnings: [
      ...door.warnings,
      ...(isAway && tls === undefined
        ? ['tokens and values cross the network as they are: add --tls-cert and --tls-key']
        : []),
    ],
  };
}

async function doorOf(context: LocalContext): Promise<{
  readonly options: Pick<Given, 'open' | 'tokens' | 'anchors'>;
  readonly warnings: readonly string[];
}> {
  const open = flagOption(context, 'open');
  const authFile = textOption(context, 'authFile');
  const anchorFiles = wordsOf(context, 'trustAnchor');
  const isGuarded = authFile !== undefined || anchorFiles.length > 0;
  if (open === isGuarded) {
    const why = open ? 'an open router asks for no tokens' : 'nobody could come in';
    throw new HansaError('USAGE', why, {
      fix: 'either --open, on loopback, or --auth-file or --trust-anchor',
    });
  }
  const tokens = authFile === undefined ? [] : await readTokenList(authFile);
  const anchors = (await Promise.all(anchorFiles.map(readAnchors))).flat();
  if (!open && tokens.length === 0 && anchors.length === 0) {
    throw new HansaError('INPUT_INVALID', `${authFile} lists no token: nobody could come in`, {
      fix: tokenListExample,
    });
  }
  const exposed = authFile !== undefined && (await isExposed(authFile));
  return {
    options: { open, tokens, anchors },
    warnings: exposed ? [`others may read ${authFile}: chmod 600 ${authFile}`] : [],
  };
}

async function tlsOf(context: LocalContext): Promise<ServeOptions['tls']> {
  const [cert, key] = [textOption(context, 'tlsCert'), textOption(context, 'tlsKey')];
  if (cert === undefined && key === undefined) {
    return undefined;
  }
  if (cert === undefined || key === undefined) {
    throw new HansaError('USAGE', '--tls-cert and --tls-key go together');
  }
  return { certificate: await readText(cert), key: await readText(key) };
}

/** A folder without a word on durability keeps everything, and ACK says that it is there. */
async function rulesOf(
  context: LocalContext,
  isKept: boolean,
): Promise<NonNullable<NonNullable<ServeOptions['options']>['rules']>> {
  const file = textOption(context, 'rules');
  const listed = file === undefined ? [] : await readRules(file);
  const patterns = wordsOf(context, 'durable');
  const all = isKept && file === undefined && patterns.length === 0 ? ['/**'] : patterns;
  return [...listed, ...all.map((pattern) => ({ pattern, durable: true }))];
}

function featuresOf(context: LocalContext): readonly string[] {
  const names = wordsOf(context, 'features');
  const known: readonly string[] = [...signalKinds, 'federation'];
  const strange = names.find((name) => !known.includes(name));
  if (strange !== undefined) {
    throw new HansaError('USAGE', `"${strange}" is no feature`, {
      fix: `there are ${known.join(', ')}`,
    });
  }
  return names;
}

function portOf(context: LocalContext, name: string): number | undefined {
  const port = countOption(context, name);
  if (port !== undefined && port > portMax) {
    throw new HansaError('USAGE', `a port is ${portMax} at most, not ${port}`);
  }
  return port;
}

function dataOf(server: SignalServer, options: Given): object {
  const { url, port, tcpPort, routerId } = server;
  const { open, tokens = [], anchors = [], folder, federation } = options;
  return {
    url,
    port,
    tcpPort,
    open,
    tokens: tokens.length,
    trustAnchors: anchors.length,
    data: folder,
    federation: federation && {
      mode: federation.mode?.kind,
      id: routerId,
      namespaces: federation.ownedNamespaces,
    },
    pid: process.pid,
  };
}

function linesOf(server: SignalServer, options: Given): readonly string[] {
  const { url, tcpPort, routerId = '' } = server;
  const { host, open, tokens = [], anchors = [], folder, federation } = options;
  return [
    `signals at ${url}`,
    ...(tcpPort === undefined ? [] : [`and at tcp://${inUrl(host)}:${tcpPort}`]),
    open
      ? 'open to every program of this machine'
      : `asks for a token: ${tokens.length} listed, ${anchors.length} keys trusted`,
    folder === undefined ? 'params in memory alone' : `params in ${folder}`,
    ...(federation === undefined ? [] : [federationLine(federation, routerId)]),
    `next: hansa signal watch '/**' --url ${url}`,
  ];
}

function inUrl(host: string): string {
  return host.includes(':') && !host.startsWith('[') ? `[${host}]` : host;
}

function federationLine({ mode, ownedNamespaces = ['/**'] }: Federating, id: string): string {
  const dialled =
    mode?.kind === 'leaf' ? [mode.hubEndpoint] : mode?.kind === 'mesh' ? mode.peers : [];
  const to = dialled.length === 0 ? '' : ` to ${dialled.join(', ')}`;
  return `${mode?.kind ?? 'hub'}${to} as ${id}, owning ${ownedNamespaces.join(' ')}`;
}
