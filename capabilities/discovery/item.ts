// The word in a directory: under a thousand bytes, so a shorter one than the announcement whose
// hash it carries. BEP-44's own signature covers it; these are the bytes and the checks.
import {
  bytesSchema,
  clusterIdSchema,
  fromHex,
  HansaError,
  hashSchema,
  nodeIdSchema,
  toHex,
  hashTranscript,
  type ClusterId,
  type Codec,
  type Crypto,
} from '@hansa/foundation';
import { z } from 'zod';
import type { Endpoint } from '../links/contract.ts';
import { announcementHash } from './announcement.ts';
import type { Word } from './book.ts';
import {
  announcedAddressBytesMax,
  announcedAddressesMax,
  announcedEndpointsMax,
  type Announcement,
} from './contract.ts';
import type { DirectoryItem } from './parts.ts';

// BEP-44 allows 1,000 bytes as bencoded text, whose length takes four more
export const itemBytesMax = 990;

const schema = z.object({
  v: z.literal(1),
  /** Cluster, name, counter, moment, end, hash of the whole announcement, endpoints. */
  c: hashSchema,
  n: z.string().max(64),
  s: z.number().int().nonnegative(),
  t: z.number().int().nonnegative(),
  x: z.number().int().nonnegative(),
  h: hashSchema,
  e: z
    .array(
      z.tuple([
        bytesSchema,
        z.array(z.string().max(announcedAddressBytesMax)).max(announcedAddressesMax),
      ]),
    )
    .max(announcedEndpointsMax),
});

/** One cluster has one place, whichever of its keys signs: the salt is made of its id. */
export function itemSalt(crypto: Crypto, cluster: ClusterId): Uint8Array {
  return hashTranscript(crypto, 'hansa/directory/1', [fromHex(cluster)]).slice(0, 20);
}

/** Whatever does not fit is left out from the end: addresses first, then nodes, then the name. */
export function writeItem(
  { codec, crypto }: { readonly codec: Codec; readonly crypto: Crypto },
  announcement: Announcement,
): DirectoryItem {
  const { cluster, name, counter, asOfMs, expiresMs } = announcement;
  const head = {
    v: 1,
    c: fromHex(cluster),
    s: counter,
    t: asOfMs,
    x: expiresMs,
    h: announcementHash(crypto, announcement),
  };
  let endpoints: readonly Endpoint[] = announcement.endpoints;
  for (;;) {
    const e = endpoints.map(({ node, addresses }) => [fromHex(node), addresses]);
    const value = codec.encode({ ...head, n: name.slice(0, 64), e });
    if (value.length <= itemBytesMax) {
      return { value, sequence: counter };
    }
    const bare = codec.encode({ ...head, n: '', e });
    if (bare.length <= itemBytesMax) {
      return { value: bare, sequence: counter };
    }
    endpoints = withoutOne(endpoints);
  }
}

/** Of the node with most addresses, the last one. */
function withoutOne(endpoints: readonly Endpoint[]): readonly Endpoint[] {
  const most = Math.max(...endpoints.map(({ addresses }) => addresses.length));
  const at = endpoints.findLastIndex(({ addresses }) => addresses.length === most);
  return most === 0
    ? endpoints.slice(0, -1)
    : endpoints.map((endpoint, index) =>
        index === at ? { ...endpoint, addresses: endpoint.addresses.slice(0, -1) } : endpoint,
      );
}

/** ANNOUNCEMENT_INVALID where it is no word of that cluster: the place says nothing about that. */
export function readItem(
  codec: Codec,
  asked: ClusterId,
  { value, sequence }: DirectoryItem,
): Word & { readonly hash: Uint8Array } {
  const said = value.length > itemBytesMax ? undefined : decoded(codec, value);
  if (said === undefined) {
    throw new HansaError('ANNOUNCEMENT_INVALID', 'the directory holds no word of ours there');
  }
  const cluster = clusterIdSchema.parse(toHex(said.c));
  if (cluster !== asked || said.s !== sequence) {
    throw new HansaError('ANNOUNCEMENT_INVALID', 'the directory holds a word on another cluster', {
      facts: { asked, found: cluster },
    });
  }
  const endpoints = said.e.map(([node, addresses]) => ({
    node: nodeIdSchema.parse(toHex(node)),
    addresses,
  }));
  const { n: name, s: counter, t: asOfMs, x: expiresMs, h: hash } = said;
  return { cluster, name, counter, asOfMs, expiresMs, endpoints, apps: [], hash };
}

function decoded(codec: Codec, value: Uint8Array): z.infer<typeof schema> | undefined {
  try {
    const parsed = schema.safeParse(codec.decode(value));
    const ok = parsed.success && parsed.data.e.every(([node]) => node.length === 32);
    return ok ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}
