// The flags of `hansa signal serve` that are about other routers.
import {
  countOption,
  flagOf,
  durationOption,
  HansaError,
  listOption,
  textOption,
  type CommandOption,
} from '@hansa/foundation';
import type { LocalContext } from './local-commands.ts';
import { readText, secretOf } from './signal-terminal.ts';

/** As `FederationConfig` has it; what is left out is as its defaults are. */
export interface Federating {
  readonly mode?:
    | { readonly kind: 'hub' }
    | { readonly kind: 'leaf'; readonly hubEndpoint: string }
    | { readonly kind: 'mesh'; readonly peers: readonly string[] };
  readonly routerId?: string;
  readonly ownedNamespaces?: readonly string[];
  readonly authToken?: string | undefined;
  readonly syncIntervalMs?: number;
  readonly reconnectDelayMs?: number;
  readonly maxReconnectAttempts?: number;
  readonly features?: readonly string[];
}

const modes = ['hub', 'leaf', 'mesh'];

export const federationOptions: readonly CommandOption[] = [
  {
    flags: '--federation-mode <mode>',
    description: 'hub takes routers in, leaf dials one, mesh does both (default: leaf with a hub)',
    choices: modes,
  },
  { flags: '--federation-hub <url...>', description: 'whom a leaf dials; of a mesh, each of them' },
  {
    flags: '--federation-namespaces <pattern...>',
    description: 'addresses whose writes are judged here (default: what nobody else owns)',
  },
  {
    flags: '--federation-id <id>',
    description: 'what others know this router by (default: by chance, kept in --data)',
  },
  {
    flags: '--federation-token <token>',
    description: 'for the hub, or @file (default: HANSA_SIGNAL_FEDERATION_TOKEN)',
  },
  {
    flags: '--federation-ca <file>',
    description: 'authority that wss:// routers are checked with (default: those of Node.js)',
  },
  {
    flags: '--federation-sync-interval <duration>',
    description: 'how often revisions are compared (default 30s)',
  },
  {
    flags: '--federation-reconnect-delay <duration>',
    description: 'before the first new attempt; then longer (default 5s)',
  },
  {
    flags: '--federation-attempts <count>',
    description: 'new attempts before giving up (default 0: no end)',
  },
];

/** In PEM; undefined where nothing is said. */
export async function hubAuthorities(context: LocalContext): Promise<string | undefined> {
  const file = textOption(context, 'federationCa');
  if (file === undefined) {
    return undefined;
  }
  if (wordsOf(context, 'federationHub').length === 0) {
    throw new HansaError('USAGE', '--federation-ca is for routers that are dialled', {
      fix: 'add --federation-hub wss://hub:7330',
    });
  }
  return readText(file);
}

/** Undefined where nothing is said of other routers. */
export async function federationOf(
  context: LocalContext,
  features: readonly string[],
): Promise<Federating | undefined> {
  const hubs = wordsOf(context, 'federationHub');
  const namespaces = wordsOf(context, 'federationNamespaces');
  const isGiven = Object.entries(context.options).some(
    ([name, value]) => name.startsWith('federation') && value !== undefined,
  );
  if (!features.includes('federation') && !isGiven) {
    return undefined;
  }
  const kinds = features.filter((name) => name !== 'federation');
  const authToken = await secretOf(
    textOption(context, 'federationToken'),
    'HANSA_SIGNAL_FEDERATION_TOKEN',
  );
  const given = {
    mode: modeOf(context, hubs, namespaces),
    routerId: textOption(context, 'federationId'),
    ownedNamespaces: namespaces.length === 0 ? undefined : namespaces,
    authToken,
    syncIntervalMs: durationOption(context, 'federationSyncInterval'),
    reconnectDelayMs: durationOption(context, 'federationReconnectDelay'),
    maxReconnectAttempts: countOption(context, 'federationAttempts'),
    // What a router does not speak its links do not carry.
    features: kinds.length === 0 ? undefined : [...kinds, 'federation'],
  };
  const said = Object.entries(given).filter(([, value]) => value !== undefined);
  return Object.fromEntries(said);
}

function modeOf(
  context: LocalContext,
  hubs: readonly string[],
  namespaces: readonly string[],
): NonNullable<Federating['mode']> {
  const mode = textOption(context, 'federationMode') ?? (hubs.length > 0 ? 'leaf' : 'hub');
  const [hubEndpoint] = hubs;
  if (mode === 'mesh') {
    return { kind: 'mesh', peers: hubs };
  }
  if (mode === 'hub') {
    if (hubEndpoint !== undefined) {
      throw new HansaError('USAGE', 'a hub dials nobody', {
        fix: 'leave out --federation-hub, or add --federation-mode leaf or mesh',
      });
    }
    return { kind: 'hub' };
  }
  if (hubEndpoint === undefined || hubs.length > 1) {
    throw new HansaError('USAGE', 'a leaf dials one hub', {
      fix: 'add --federation-hub ws://hub:7330; for several: --federation-mode mesh',
    });
  }
  if (namespaces.length === 0) {
    throw new HansaError('USAGE', 'a leaf says which addresses are its own', {
      fix: `add --federation-namespaces '/site-a/**'`,
    });
  }
  return { kind: 'leaf', hubEndpoint };
}

/** Repeated, or with commas between them; USAGE where it was given and says nothing. */
export function wordsOf(context: LocalContext, name: string): readonly string[] {
  const given = listOption(context, name);
  const words = given
    .flatMap((each) => each.split(','))
    .map((each) => each.trim())
    .filter((each) => each !== '');
  if (given.length > 0 && words.length === 0) {
    throw new HansaError('USAGE', `${flagOf(name)} is given and says nothing`);
  }
  return words;
}
