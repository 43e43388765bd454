// What is said on the local network, as DNS records: a pointer from the service to this node, its
// port, and a text with two ids and a counter. And back again, from whatever somebody sent.
import type { LanClaim, LanWord } from '@hansa/capabilities/discovery/parts';
import { clusterIdSchema, nodeIdSchema } from '@hansa/foundation';
import type { ResponsePacket } from 'multicast-dns';

export type Answer = NonNullable<ResponsePacket['answers']>[number];

export const service = '_hansa._udp.local';
const timeToLiveSeconds = 120; // RFC 6762's advice for what names a host
const instancesMax = 8; // of one datagram: it says something of one node, or is no answer of ours
const labelMax = 32; // hex digits of a node id that name it: a label has at most 63 bytes

export function recordsOf(word: LanWord & { readonly port: number }): Answer[] {
  const { cluster, node, counter, port } = word;
  const instance = `${node.slice(0, labelMax)}.${service}`;
  const ttl = timeToLiveSeconds;
  const target = `${node.slice(0, labelMax)}.local`;
  const data = ['v=1', `cluster=${cluster}`, `node=${node}`, `counter=${counter}`];
  return [
    { type: 'PTR', name: service, ttl, data: instance },
    { type: 'SRV', name: instance, ttl, data: { port, target } },
    { type: 'TXT', name: instance, ttl, data },
  ];
}

/** What does not fit is no claim; `from` is where the datagram came from. */
export function claimsIn(answers: readonly Answer[], from: string): readonly LanClaim[] {
  const names = answers
    .filter(({ type, name }) => type === 'TXT' && name.endsWith(`.${service}`))
    .map(({ name }) => name);
  return [...new Set(names)].slice(0, instancesMax).flatMap((name) => {
    const claim = claimOf(
      answers.filter((answer) => answer.name === name),
      from,
    );
    return claim === undefined ? [] : [claim];
  });
}

function claimOf(answers: readonly Answer[], from: string): LanClaim | undefined {
  let port = 0;
  const texts: string[] = [];
  for (const answer of answers) {
    if (answer.type === 'SRV') {
      port = answer.data.port;
    } else if (answer.type === 'TXT') {
      texts.push(...[answer.data].flat().map(String));
    }
  }
  const said = new Map(texts.map((text): [string, string] => splitAt(text, text.indexOf('='))));
  const cluster = clusterIdSchema.safeParse(said.get('cluster'));
  const node = nodeIdSchema.safeParse(said.get('node'));
  const counter = Number(said.get('counter'));
  const fits = said.get('v') === '1' && port > 0 && Number.isSafeInteger(counter) && counter >= 0;
  return fits && cluster.success && node.success
    ? { cluster: cluster.data, node: node.data, counter, address: `${from}:${port}` }
    : undefined;
}

function splitAt(text: string, at: number): [string, string] {
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}
