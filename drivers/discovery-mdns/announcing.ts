// Says on the local network that a service of any kind is here, to who asks, at the start, and at
// the end that it goes: so that programs that look for the kind find it without a word of anybody.
import { networkInterfaces } from 'node:os';
import { HansaError, type Clock } from '@hansa/foundation';
import { openSocket, sendPacket, type MdnsNeeds } from './mdns-network.ts';
import type { Answer } from './records.ts';

export interface AnnouncedService {
  /** As DNS has it, without a domain: `_http._tcp`. */
  readonly kind: string;
  /** What people read; no other of the kind on the network should have it. */
  readonly name: string;
  readonly port: number;
  /** `key=value`, each. */
  readonly texts: readonly string[];
}

const timeToLiveSeconds = 120; // RFC 6762's advice for what names a host
const speakGapMs = 1_000; // RFC 6762: a record is not said twice within a second
const goodbyeMs = 500; // a network that is gone takes no good-bye, and nobody waits for it
const labelBytesMax = 63; // of a name's part, as DNS has it
const textBytesMax = 255; // of one string in a text record, as DNS has it

/** Until it is stopped; DISCOVERY_OFF where there is nobody to tell. */
export async function announceService(
  needs: MdnsNeeds,
  service: AnnouncedService,
): Promise<{ stop(): Promise<void> }> {
  const { host, unicast, clock, log } = needs;
  if (unicast === undefined && /^127\.|^::1$|^localhost$/.test(host)) {
    throw new HansaError('DISCOVERY_OFF', 'it listens on loopback: nobody could come', {
      fix: 'let it listen on an address of the network, or announce nothing',
    });
  }
  const socket = await openSocket(needs);
  const kind = `${service.kind}.local`;
  const say = (ttl: number, sent?: () => void): void => {
    const answers = serviceRecords(service, addressesOf(host), ttl);
    sendPacket({ needs, socket, ...(sent && { sent }) }, { answers });
  };
  const speak = createSpeaker(clock, () => say(timeToLiveSeconds));
  socket.on('error', (error) => log.event('mdns.broke', { reason: error.message }));
  // Nothing may be thrown from in here: it would end the process.
  socket.on('query', ({ questions }) => {
    const isAsked = questions?.some(
      ({ name, type }) => name.toLowerCase() === kind && /^(?:PTR|ANY)$/.test(type),
    );
    if (isAsked === true) {
      speak();
    }
  });
  speak();
  return {
    async stop() {
      await Promise.race([
        new Promise<void>((resolve) => say(0, resolve)),
        clock.sleep(goodbyeMs).catch(() => undefined),
      ]);
      await new Promise<void>((resolve) => {
        socket.destroy(resolve);
      });
    },
  };
}

/** At most once a second, whoever asks how often. */
function createSpeaker(clock: Clock, say: () => void): () => void {
  let saidMs = Number.NEGATIVE_INFINITY;
  return () => {
    const nowMs = clock.monotonicMs();
    if (nowMs - saidMs >= speakGapMs) {
      saidMs = nowMs;
      say();
    }
  };
}

/** A pointer from the kind to this one, where it is, and what there is to know of it. */
export function serviceRecords(
  { kind, name, port, texts }: AnnouncedService,
  addresses: readonly string[],
  ttl: number,
): Answer[] {
  const label = cut(name.replaceAll('.', '-'), labelBytesMax);
  const instance = `${label}.${kind}.local`;
  const target = `${cut(label.replaceAll(/[^\dA-Za-z-]/g, '-'), labelBytesMax)}.local`;
  const data = texts.map((text) => cut(text, textBytesMax));
  return [
    { type: 'PTR', name: `${kind}.local`, ttl, data: instance },
    { type: 'SRV', name: instance, ttl, data: { port, target } },
    { type: 'TXT', name: instance, ttl, data },
    ...addresses.map((address): Answer => ({ type: 'A', name: target, ttl, data: address })),
  ];
}

/** Where a listener on `host` is reached by others. */
function addressesOf(host: string): readonly string[] {
  if (host !== '0.0.0.0' && host !== '::') {
    return [host];
  }
  return Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .filter(({ family, internal }) => family === 'IPv4' && !internal)
    .map(({ address }) => address);
}

/** Never within a character. */
function cut(text: string, bytes: number): string {
  let short = text;
  while (Buffer.byteLength(short) > bytes) {
    short = [...short].slice(0, -1).join('');
  }
  return short;
}
