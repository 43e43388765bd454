// Commands of this machine alone: they start a node, choose among contexts, or answer git.
import {
  HansaError,
  type CommandArgument,
  type CommandOption,
  type CommandOutput,
} from '@hansa/foundation';
import {
  forgetContext,
  readContexts,
  resolveContext,
  useContext,
  type Context,
  type Home,
} from './contexts.ts';
import { answerGit } from './credential.ts';
import { dropSession, readSession } from './kept-sessions.ts';
import { runUp } from './up.ts';
import { runUpNodes } from './up-nodes.ts';

export interface LocalContext {
  readonly home: Home;
  readonly context: string | undefined;
  readonly args: Readonly<Record<string, string | undefined>>;
  readonly options: Readonly<Record<string, string | boolean | readonly string[] | undefined>>;
  readonly print: (line: string) => void;
}

export interface LocalCommand {
  readonly local: true;
  readonly noun: string;
  readonly verb?: string;
  readonly summary: string;
  readonly hidden?: boolean;
  readonly args?: readonly CommandArgument[];
  readonly options?: readonly CommandOption[];
  readonly examples: readonly string[];
  /** What to show, or the exit code where the command has printed by itself. */
  run(context: LocalContext): Promise<CommandOutput | number>;
}

const nodeFlags: readonly (readonly [flag: string, value: string, description: string])[] = [
  ['name', 'name', 'what the cluster calls itself; one that is not known is founded'],
  ['api-host', 'host', 'where the API listens (default 127.0.0.1)'],
  ['api-port', 'port', 'port of the API (default 0: choose one and keep it)'],
  ['tls', 'mode', 'on: the API by TLS, to clients with certificates (default auto: off loopback)'],
  ['api-names', 'names', 'what else the API is called, comma-separated (default none)'],
  ['cert-root-validity', 'duration', 'how long an authority of certificates counts (default 365d)'],
  ['cert-node-validity', 'duration', 'how long the node’s certificate counts (default 30d)'],
  ['cert-refresh-hint', 'duration', 'the next authority is published so long before (default 5m)'],
  ['link-host', 'host', 'where peers connect (default 127.0.0.1; 0.0.0.0 for all)'],
  ['link-port', 'port', 'UDP port of links (default 0: choose one and keep it)'],
  ['data-plane', 'way', 'negotiated: large transfers over TLS; iroh-only: all on QUIC'],
  ['plane-port', 'port', 'TCP port of the data plane (default 0: choose one and keep it)'],
  ['relays', 'urls', 'own iroh relays as https URLs, comma-separated (default none)'],
  ['gossip', 'on|off', 'tell linked clusters where this one is, pass on (default off)'],
  ['mdns', 'on|off', 'find clusters on the local network (default off)'],
  ['dht', 'on|off', 'publish in the Mainline DHT where this cluster is (default off)'],
  ['dht-bootstrap', 'nodes', 'nodes of the DHT to begin with, host:port (default none)'],
  ['proxy', 'on|off', 'pass on calls of apps, and take those of peers (default off)'],
  ['signals', 'host:port', 'where sessions of signals connect (default: nowhere; 7330 is usual)'],
  ['signals-origins', 'origins', 'web pages that may connect to signals (default: this machine’s)'],
  ['signals-rate-limit', 'number', 'messages of a session in a second (default 1000; 0: any)'],
  ['seal-key-file', 'file', 'seal the data folder under this key (or set HANSA_SEAL_KEY)'],
  ['seal-age-identity', 'file', 'seal the data folder under this age identity'],
  ['store', 'url', 'etcd://host:2379,… for several nodes (default: in the data folder)'],
  ['store-ca', 'file', 'authority that etcd’s certificate is checked with (etcds://)'],
  ['store-cert', 'file', 'certificate that etcd asks for'],
  ['store-key', 'file', 'key of that certificate'],
  ['store-user', 'user', 'user of etcd; its password from HANSA_STORE_PASSWORD'],
  ['join', 'ticket', 'become a node of the cluster that made it: hansa node invite'],
  ['node-name', 'name', 'what the other nodes call this one (default: the host’s name)'],
  ['node-host', 'host', 'where the other nodes reach this one (default 127.0.0.1)'],
  ['node-port', 'port', 'TCP port for the other nodes (default 0: choose one and keep it)'],
  ['blob-copies', 'count', 'on how many nodes each blob lies (default 2)'],
  ['sync-interval', 'seconds', 'between anti-entropy rounds (default 30)'],
  ['log-level', 'level', 'event or problem (default event)'],
];

const up: LocalCommand = {
  local: true,
  noun: 'up',
  summary: 'Starts the node of a cluster: of a known one, or of a new one that it founds.',
  options: [
    { flags: '--data <folder>', description: 'data folder (default: that of the cluster)' },
    { flags: '--nodes <count>', description: 'with --store etcd: so many nodes and an etcd, here' },
    { flags: '-d, --detach', description: 'run in the background; "hansa down" stops it' },
    ...nodeFlags.map(([flag, value, description]) => ({
      flags: `--${flag} <${value}>`,
      description,
    })),
  ],
  examples: ['hansa up --name lubeck', 'hansa up --name lubeck --nodes 3 --store etcd'],
  run({ options, home, context, print }) {
    const text = (value: unknown): string | undefined =>
      typeof value === 'string' ? value : undefined;
    const flags = Object.fromEntries(
      nodeFlags.map(([flag]) => [flag, text(options[camelCase(flag)])]),
    );
    const detach = options['detach'] === true;
    const nodes = text(options['nodes']);
    if (nodes !== undefined || flags['store'] === 'etcd') {
      return upNodes({ nodes, detach, flags, home, print, data: text(options['data']) });
    }
    return runUp({ flags, data: text(options['data']), context, detach, home, print });
  },
};

/** A whole cluster on this machine. */
function upNodes({
  nodes,
  detach,
  flags,
  ...given
}: {
  readonly nodes: string | undefined;
  readonly detach: boolean;
  readonly flags: Readonly<Record<string, string | undefined>>;
  readonly home: Home;
  readonly print: (line: string) => void;
  readonly data: string | undefined;
}): Promise<number> {
  const { store, name = process.env['HANSA_NAME'] ?? 'hansa', ...rest } = flags;
  if (store !== 'etcd' || nodes === undefined || detach || rest['join'] !== undefined) {
    throw new HansaError('USAGE', '--nodes goes with --store etcd, in the foreground', {
      fix: 'hansa up --nodes 3 --store etcd; on several machines: --store etcd://…, then --join',
    });
  }
  return runUpNodes({ ...given, nodes: Number(nodes), name, flags: rest });
}

function camelCase(flag: string): string {
  return flag.replaceAll(/-([a-z])/g, (_dash, letter: string) => letter.toUpperCase());
}

const contextList: LocalCommand = {
  local: true,
  noun: 'context',
  verb: 'list',
  summary: 'Lists the clusters that commands can be sent to.',
  examples: ['hansa context list'],
  async run({ home }) {
    const { current, contexts } = await readContexts(home);
    const rows = await Promise.all(
      Object.keys(contexts)
        .toSorted()
        .map(async (name) => ({
          ...(await resolveContext(home, name)),
          ...(await userOf(home, name)),
          current: name === current,
        })),
    );
    return {
      data: { home, contexts: rows },
      view: {
        kind: 'table',
        columns: ['CURRENT', 'NAME', 'PLACE', 'AS'],
        rows: rows.map((row) => [row.current ? '*' : '', row.name, placeOf(row), row.user ?? '']),
        empty: `no cluster is known in ${home}`,
      },
      next: afterList(rows),
    };
  },
};

function placeOf(context: Context): string {
  return 'url' in context ? context.url : context.data;
}

async function userOf(home: Home, name: string): Promise<{ user?: string }> {
  const kept = await readSession(home, name);
  return kept === undefined ? {} : { user: kept.principal };
}

function afterList(
  rows: readonly { readonly current: boolean; readonly name: string }[],
): string[] {
  const other = rows.find(({ current }) => !current);
  if (rows.length === 0) {
    return ['hansa up'];
  }
  return other === undefined ? ['hansa status'] : [`hansa context use ${other.name}`];
}

const contextUse: LocalCommand = {
  local: true,
  noun: 'context',
  verb: 'use',
  summary: 'Chooses the cluster that commands are sent to.',
  args: [{ name: '<name>', description: 'as "hansa context list" shows it' }],
  examples: ['hansa context use bergen'],
  async run({ home, args }) {
    const context = await useContext(home, args['name'] ?? '');
    return {
      data: context,
      view: { kind: 'text', text: `commands go to ${context.name} (${placeOf(context)})` },
      next: ['hansa status'],
    };
  },
};

const contextRemove: LocalCommand = {
  local: true,
  noun: 'context',
  verb: 'remove',
  summary: 'Forgets the name of a cluster; its data and its node stay as they are.',
  args: [{ name: '<name>', description: 'as "hansa context list" shows it' }],
  examples: ['hansa context remove bergen'],
  async run({ home, args }) {
    const context = await forgetContext(home, args['name'] ?? '');
    const { name } = context;
    await dropSession(home, name);
    if ('url' in context) {
      return {
        data: context,
        view: { kind: 'text', text: `Forgot the name ${name}, and the session there.` },
        next: ['hansa context list', `hansa login --url ${context.url} --context ${name}`],
      };
    }
    const { data } = context;
    return {
      data: context,
      view: { kind: 'text', text: `Forgot the name ${name}; the data in ${data} is untouched.` },
      next: ['hansa context list', `hansa up --name ${name} --data ${data}  # to know it again`],
    };
  },
};

const credential: LocalCommand = {
  local: true,
  noun: 'credential',
  hidden: true,
  summary: 'Answers git’s credential protocol with the owner token of a known cluster.',
  args: [{ name: '<operation>', description: 'get, store or erase, as git calls it' }],
  examples: [
    "git -c credential.helper='!hansa credential' clone http://127.0.0.1:4870/git/hansa.git",
  ],
  run: ({ home, args }) => answerGit(home, args['operation'] ?? ''),
};

export const localCommands: readonly LocalCommand[] = [
  contextList,
  contextUse,
  contextRemove,
  credential,
  up,
];
