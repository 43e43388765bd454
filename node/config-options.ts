// The settings of a node: one table says what each is called, what it may be, and what it is for.
import { routerDefaults } from '@hansa/capabilities/signals/capability';
import { nameLengthMax } from '@hansa/foundation';
import { z } from 'zod';
import { certificateDurations, signalsAddress, tlsModes } from './listener-config.ts';

interface Option {
  readonly schema: z.ZodType<string | number | readonly string[]>;
  readonly fallback: string | number | readonly string[];
  readonly description: string;
}

const port = z.coerce.number().int().min(0).max(65_535);
const host = z.string().min(1).max(255);
const filePath = z.string().max(4_096); // what Linux takes; none where empty
const onOff = z.enum(['off', 'on']);
const apiName = z
  .string()
  .max(253)
  .regex(/^[a-z0-9:._-]+$/, 'a name of the API is a lower-case DNS name or an address');
/** By commas on the command line, a list in the file. */
const listed = z.union([
  z.string().transform((text) => text.split(',').filter((each) => each !== '')),
  z.array(z.string()),
]);
const relayUrl = z
  .string()
  .max(1_024)
  .refine(isRelayUrl, 'a relay is an https:// URL without user, path, query or fragment');
const dhtNode = z
  .string()
  .max(262)
  .regex(/^[A-Za-z0-9.-]+:\d{1,5}$/, 'a node of the DHT is host:port, by name or IPv4 address');

/**
 * By the flag's name; the variable is `HANSA_` and the name in capitals, the file's key the name.
 */
export const configOptions: Readonly<Record<string, Option>> = {
  name: {
    schema: z
      .string()
      .max(nameLengthMax)
      .regex(/^[A-Za-z0-9][A-Za-z0-9_.-]*$/, 'a cluster name is letters, digits, ".", "-" and "_"'),
    fallback: 'hansa',
    description: 'what this cluster calls itself; a label, not its identity',
  },
  'api-host': { schema: host, fallback: '127.0.0.1', description: 'where the API listens' },
  'api-port': {
    schema: port,
    fallback: 0,
    description: 'port of the API; 0 chooses one and keeps it',
  },
  tls: {
    schema: z.enum(tlsModes),
    fallback: 'auto',
    description: 'on serves the API by TLS to clients with certificates; auto does off loopback',
  },
  'api-names': {
    schema: listed.pipe(z.array(apiName).max(16)),
    fallback: [],
    description: 'what else the API is called, for its certificate; comma-separated',
  },
  'cert-root-validity': {
    schema: certificateDurations,
    fallback: '365d',
    description: 'how long an authority counts; the next is made when a third is left',
  },
  'cert-node-validity': {
    schema: certificateDurations,
    fallback: '30d',
    description: 'how long the node’s own certificate counts; it renews itself in time',
  },
  'cert-refresh-hint': {
    schema: certificateDurations,
    fallback: '5m',
    description: 'how long before it signs the next authority is published',
  },
  'link-host': {
    schema: host,
    fallback: '127.0.0.1',
    description: 'where peers connect; 0.0.0.0 for every interface',
  },
  'link-port': {
    schema: port,
    fallback: 0,
    description: 'UDP port of links; 0 chooses one and keeps it',
  },
  'data-plane': {
    schema: z.enum(['negotiated', 'iroh-only']),
    fallback: 'negotiated',
    description:
      'negotiated: large transfers may take TLS 1.3 with the same keys; iroh-only: all on QUIC',
  },
  'plane-port': {
    schema: port,
    fallback: 0,
    description: 'TCP port of the data plane; 0 chooses one and keeps it',
  },
  relays: {
    schema: listed.pipe(z.array(relayUrl).max(16)),
    fallback: [],
    description: 'own iroh relays as https URLs, comma-separated; none by default',
  },
  gossip: {
    schema: onOff,
    fallback: 'off',
    description: 'on tells linked clusters, and theirs, where this one is, and passes theirs on',
  },
  mdns: {
    schema: onOff,
    fallback: 'off',
    description: 'on tells the local network that this cluster is here, and hears who else is',
  },
  dht: {
    schema: onOff,
    fallback: 'off',
    description: 'on publishes where this cluster is in the Mainline DHT, for who knows its id',
  },
  'dht-bootstrap': {
    schema: listed.pipe(z.array(dhtNode).max(32)),
    fallback: [],
    description: 'nodes of the DHT to begin with, host:port, comma-separated; needed by dht',
  },
  proxy: {
    schema: onOff,
    fallback: 'off',
    description: 'pass on calls of apps with the caller’s token, and take those that peers pass on',
  },
  signals: {
    schema: signalsAddress,
    fallback: '',
    description: 'host:port where sessions of signals connect (7330 is usual); none by default',
  },
  'signals-origins': {
    schema: listed.pipe(z.array(z.string().max(262)).max(32)),
    fallback: [],
    description: 'web pages that may connect to signals, by origin; this machine’s by default',
  },
  'signals-rate-limit': {
    schema: z.coerce.number().int().min(0).max(10_000_000),
    fallback: routerDefaults.messagesPerSecondMax,
    description: 'messages of signals that a session may send in a second; 0 for any number',
  },
  'seal-key-file': {
    schema: filePath,
    fallback: '',
    description: 'seal what lies on the disk under the key in this file (or HANSA_SEAL_KEY)',
  },
  'seal-age-identity': {
    schema: filePath,
    fallback: '',
    description: 'seal what lies on the disk under the age identity in this file',
  },
  store: {
    schema: z.string().max(4_096),
    fallback: '',
    description: 'etcd://host:2379,…[/prefix] for several nodes; the data folder’s own by default',
  },
  'store-ca': {
    schema: filePath,
    fallback: '',
    description: 'file of the authority that etcd’s certificate is checked with (etcds://)',
  },
  'store-cert': { schema: filePath, fallback: '', description: 'certificate that etcd asks for' },
  'store-key': { schema: filePath, fallback: '', description: 'key of store-cert' },
  'store-user': {
    schema: z.string().max(255),
    fallback: '',
    description: 'user of etcd; its password is read from HANSA_STORE_PASSWORD',
  },
  'node-name': {
    schema: z
      .string()
      .max(nameLengthMax)
      .regex(/^(?:[A-Za-z0-9][A-Za-z0-9_.-]*)?$/),
    fallback: '',
    description: 'what the other nodes of the cluster call this one (default: the host’s name)',
  },
  'node-host': {
    schema: host,
    fallback: '127.0.0.1',
    description: 'where the other nodes of the cluster reach this one',
  },
  'node-port': {
    schema: port,
    fallback: 0,
    description: 'TCP port for the other nodes; 0 chooses one and keeps it',
  },
  'blob-copies': {
    schema: z.coerce.number().int().min(1).max(7),
    fallback: 2,
    description: 'on how many nodes each blob lies, where the cluster has several',
  },
  'sync-interval': {
    schema: z.coerce.number().int().min(1).max(3_600),
    fallback: 30,
    description: 'seconds between anti-entropy rounds',
  },
  'log-level': {
    schema: z.enum(['event', 'problem']),
    fallback: 'event',
    description: 'event logs everything, problem what a person may have to act on',
  },
};

/** What a connection by relay is made with: the library would take more, and mean less by it. */
function isRelayUrl(text: string): boolean {
  if (!URL.canParse(text)) {
    return false;
  }
  const { protocol, username, password, pathname, search, hash } = new URL(text);
  const rest = `${username}${password}${search}${hash}`;
  return protocol === 'https:' && pathname === '/' && rest === '';
}
