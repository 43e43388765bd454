// What a node is told: flags, then HANSA_… variables, then the file in the data folder, then
// defaults. One table says all of it; `hansa up --help` and `hansa status --config` are made of it.
import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { dirname, join as pathOf, resolve } from 'node:path';
import type { Validities } from '@hansa/capabilities/certificates/contract';
import { readTicket } from '@hansa/capabilities/nodes/capability';
import type { Setting } from '@hansa/capabilities/daemon/contract';
import { HansaError, nameLengthMax, schemaSentence } from '@hansa/foundation';
import { parse, YAMLParseError } from 'yaml';
import { z } from 'zod';
import { configOptions } from './config-options.ts';
import { dataFolderProblem } from './data-folder.ts';
import { certificateValidities, hostAndPort, tlsWanted, type TlsMode } from './listener-config.ts';
import { checkOrigins } from './signal-origins.ts';
import { parseStoreUrl, readStoreChoice, type StoreChoice } from './store-choice.ts';

export interface Config {
  /** Absolute. */
  readonly data: string;
  readonly name: string;
  readonly apiHost: string;
  /** 0: any free one, remembered for the next start. */
  readonly apiPort: number;
  /** The API is served by TLS to clients with certificates alone. */
  readonly tls: boolean;
  /** What else the API is called: in its certificate, and in the Host header. */
  readonly apiNames: readonly string[];
  readonly certificates: Validities;
  readonly linkHost: string;
  /** 0: any free one, remembered for the next start. */
  readonly linkPort: number;
  /** Whether bulk may leave the link for a plane of its own. */
  readonly dataPlane: 'negotiated' | 'iroh-only';
  /** 0: any free one, remembered for the next start. */
  readonly planePort: number;
  readonly relays: readonly string[];
  /** Tell linked clusters where this one is, and pass on what others want passed on. */
  readonly gossip: boolean;
  readonly mdns: boolean;
  readonly dht: boolean;
  /** `host:port`; never empty where `dht` is on. */
  readonly dhtBootstrap: readonly string[];
  /** Pass on calls of apps, and take calls that others pass on. */
  readonly proxy: boolean;
  /** Where sessions of signals connect; by TLS off loopback, and wherever the API is. */
  readonly signals?:
    | {
        readonly host: string;
        readonly port: number;
        readonly tls: boolean;
        /** Pages that may connect beside those of this machine. */
        readonly origins: readonly string[];
      }
    | undefined;
  /** Messages that a session of signals may send in a second; 0 for any number. */
  readonly signalsRateLimit: number;
  /** Files of the key that seals the data folder; one of them at most. */
  readonly sealKeyFile?: string | undefined;
  readonly sealAgeIdentity?: string | undefined;
  readonly syncIntervalMs: number;
  readonly logLevel: 'event' | 'problem';
  readonly store: StoreChoice;
  readonly etcd: EtcdAccess;
  /** What the other nodes of the cluster call this one. */
  readonly nodeName: string;
  readonly nodeHost: string;
  /** 0: any free one, remembered for the next start. */
  readonly nodePort: number;
  /** On how many nodes each blob lies. */
  readonly blobCopies: number;
  /** A ticket to become a node of a cluster that is there: used once, and kept nowhere. */
  readonly join?: string | undefined;
  readonly settings: readonly Setting[];
}

/** Files, and a name; the password comes from `HANSA_STORE_PASSWORD`. */
export interface EtcdAccess {
  readonly caFile?: string | undefined;
  readonly certFile?: string | undefined;
  readonly keyFile?: string | undefined;
  readonly user?: string | undefined;
}

export type GivenFlags = Readonly<Record<string, string | undefined>>;

export async function readConfig(given: {
  readonly data: string;
  readonly flags: GivenFlags;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** The name of a cluster that was started before: it keeps it unless told another. */
  readonly knownAs?: string;
}): Promise<Config> {
  const data = resolve(given.data);
  const file = await readConfigFile(pathOf(data, 'hansa.yaml'));
  const values = new Map<string, unknown>();
  const settings: Setting[] = [];
  for (const [name, option] of Object.entries(configOptions)) {
    const variable = `HANSA_${name.replaceAll('-', '_').toUpperCase()}`;
    const sources: readonly (readonly [Setting['source'], unknown])[] = [
      ['flag', given.flags[name]],
      ['environment', given.environment[variable]],
      ['file', file[name]],
      ['default', (name === 'name' ? given.knownAs : undefined) ?? option.fallback],
    ];
    const [source, raw] = sources.find(([, value]) => value !== undefined) ?? ['default', ''];
    const parsed = option.schema.safeParse(raw);
    if (!parsed.success) {
      throw new HansaError(
        'CONFIG_INVALID',
        `${name} (${source}) is not usable: ${schemaSentence(parsed.error)}`,
      );
    }
    values.set(name, parsed.data);
    const { description } = option;
    settings.push({ name, value: String(parsed.data), source, description });
  }
  const join = given.flags['join'] ?? given.environment['HANSA_JOIN'];
  const store = await chosenStore(data, { url: String(values.get('store')), join });
  const config = { ...typed(values), data, store, join, settings };
  if (config.dht && config.dhtBootstrap.length === 0) {
    throw new HansaError('CONFIG_INVALID', 'dht is on and dht-bootstrap names no node', {
      fix: 'name nodes of the DHT that you trust to be there: host:port, comma-separated',
    });
  }
  return config;
}

/** A flag or a ticket says it for the first time; from then on the data folder knows. */
async function chosenStore(
  data: string,
  { url, join }: { readonly url: string; readonly join: string | undefined },
): Promise<StoreChoice> {
  if (join !== undefined) {
    return parseStoreUrl(readTicket(join).store);
  }
  return url === '' ? readStoreChoice(data) : parseStoreUrl(url);
}

const signalsSchema: z.ZodType<NonNullable<Config['signals']>> = z.object({
  host: z.string(),
  port: z.number(),
  tls: z.boolean(),
  origins: z.array(z.string()),
});
const etcdSchema: z.ZodType<EtcdAccess> = z.object({
  caFile: z.string().optional(),
  certFile: z.string().optional(),
  keyFile: z.string().optional(),
  user: z.string().optional(),
});

function typed(
  values: ReadonlyMap<string, unknown>,
): Omit<Config, 'data' | 'settings' | 'store' | 'join'> {
  const schema = z.object({
    name: z.string(),
    apiHost: z.string(),
    apiPort: z.number(),
    tls: z.boolean(),
    apiNames: z.array(z.string()),
    certificates: z.object({ rootMs: z.number(), nodeMs: z.number(), refreshHintMs: z.number() }),
    linkHost: z.string(),
    linkPort: z.number(),
    dataPlane: z.enum(['negotiated', 'iroh-only']),
    planePort: z.number(),
    relays: z.array(z.string()),
    gossip: z.boolean(),
    mdns: z.boolean(),
    dht: z.boolean(),
    dhtBootstrap: z.array(z.string()),
    proxy: z.boolean(),
    signals: signalsSchema.optional(),
    signalsRateLimit: z.number(),
    sealKeyFile: z.string().optional(),
    sealAgeIdentity: z.string().optional(),
    syncIntervalMs: z.number(),
    logLevel: z.enum(['event', 'problem']),
    etcd: etcdSchema,
    nodeName: z.string(),
    nodeHost: z.string(),
    nodePort: z.number(),
    blobCopies: z.number(),
  });
  const given = (name: string): unknown => values.get(name) || undefined;
  return schema.parse({
    name: values.get('name'),
    apiHost: values.get('api-host'),
    apiPort: values.get('api-port'),
    tls: tlsWanted(values.get('tls') as TlsMode, String(values.get('api-host'))),
    apiNames: values.get('api-names'),
    certificates: certificateValidities((name) => String(values.get(name))),
    linkHost: values.get('link-host'),
    linkPort: values.get('link-port'),
    dataPlane: values.get('data-plane'),
    planePort: values.get('plane-port'),
    relays: values.get('relays'),
    gossip: values.get('gossip') === 'on',
    mdns: values.get('mdns') === 'on',
    dht: values.get('dht') === 'on',
    dhtBootstrap: values.get('dht-bootstrap'),
    proxy: values.get('proxy') === 'on',
    signals: signalsOf(values),
    signalsRateLimit: values.get('signals-rate-limit'),
    sealKeyFile: values.get('seal-key-file') || undefined,
    sealAgeIdentity: values.get('seal-age-identity') || undefined,
    syncIntervalMs: Number(values.get('sync-interval')) * 1_000,
    logLevel: values.get('log-level'),
    etcd: {
      caFile: given('store-ca'),
      certFile: given('store-cert'),
      keyFile: given('store-key'),
      user: given('store-user'),
    },
    nodeName: given('node-name') ?? hostname().slice(0, nameLengthMax),
    nodeHost: values.get('node-host'),
    nodePort: values.get('node-port'),
    blobCopies: values.get('blob-copies'),
  });
}

/** CONFIG_INVALID where they would leave this machine without TLS, or for pages that are none. */
function signalsOf(values: ReadonlyMap<string, unknown>): Config['signals'] {
  const address = hostAndPort(String(values.get('signals')));
  const origins = values.get('signals-origins') as readonly string[];
  checkOrigins(origins, false);
  const mode = values.get('tls') as TlsMode;
  return address && { ...address, tls: tlsWanted(mode, address.host, 'signals'), origins };
}

async function readConfigFile(path: string): Promise<Readonly<Record<string, unknown>>> {
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') {
      return '';
    }
    throw error.code === 'ENOTDIR' || error.code === 'EACCES'
      ? dataFolderProblem(dirname(path), error)
      : new HansaError('CONFIG_INVALID', `${path} cannot be read: ${error.code ?? ''}`, {
          fix: 'make it a file of settings in YAML, or move it away',
        });
  });
  try {
    const parsed = z.record(z.string(), z.unknown()).parse(parsedYaml(text) ?? {});
    const unknown = Object.keys(parsed).filter((key) => !(key in configOptions));
    if (unknown.length > 0) {
      throw new Error(`unknown settings: ${unknown.join(', ')}`);
    }
    return parsed;
  } catch (error) {
    throw new HansaError('CONFIG_INVALID', `${path}: ${(error as Error).message}`, {
      fix: `known settings: ${Object.keys(configOptions).join(', ')}`,
    });
  }
}

/** Says where it is wrong, and not what stands there: that may be a secret. */
function parsedYaml(text: string): unknown {
  try {
    return parse(text, { logLevel: 'error' });
  } catch (error) {
    const isRead = !(error instanceof YAMLParseError);
    throw new Error(isRead ? 'a name in it is not known' : error.message.split('\n')[0]);
  }
}
