// The local network by multicast DNS: tells who asks that this node is here, and hears who else is.
import type { LanClaim, LocalNetwork } from '@hansa/capabilities/discovery/parts';
import { HansaError, type Clock, type Log } from '@hansa/foundation';
import multicastDns, { type MulticastDNS, type Options } from 'multicast-dns';
import { isOnLink } from './on-link.ts';
import { claimsIn, recordsOf, service, type Answer } from './records.ts';

const askEveryMs = 60_000; // who came without a word is found within this
const speakGapMs = 1_000; // RFC 6762: a record is not said twice within a second
const portOfMdns = 5_353;

export interface MdnsNeeds {
  /** Where links listen: one address of this machine, or `0.0.0.0` for every interface. */
  readonly host: string;
  readonly clock: Clock;
  readonly log: Log;
  /** For tests on machines without multicast: a port of its own, and whom to talk to. */
  readonly unicast?: {
    readonly port: number;
    readonly others: () => readonly { readonly address: string; readonly port: number }[];
  };
}

type Talk = Parameters<LocalNetwork['run']>[0];

export function createMdnsNetwork(needs: MdnsNeeds): LocalNetwork {
  const present: { ask?: (() => void) | undefined; speak?: (() => void) | undefined } = {};
  return {
    ask: () => present.ask?.(),
    speak: () => present.speak?.(),
    async run(talk, signal) {
      if (needs.unicast === undefined && /^127\.|^::1$|^localhost$/.test(needs.host)) {
        throw new HansaError('DISCOVERY_OFF', 'links listen on loopback: nobody could come', {
          fix: 'set link-host to an address of the network, or to 0.0.0.0',
        });
      }
      const socket = await openSocket(needs);
      try {
        const speak = speaker(needs, socket, { talk, signal });
        present.ask = () => ask(needs, socket);
        present.speak = speak;
        await talkOn(needs, socket, { talk, speak, signal });
      } finally {
        present.ask = undefined;
        present.speak = undefined;
        await new Promise<void>((resolve) => {
          socket.destroy(resolve);
        });
      }
    },
  };
}

/** DISCOVERY_OFF where this machine has no multicast. */
export function openSocket({ host, unicast, log }: MdnsNeeds): Promise<MulticastDNS> {
  const everywhere = host === '0.0.0.0' || host === '::';
  const options: Options =
    unicast === undefined
      ? { port: portOfMdns, bind: '0.0.0.0', ...(everywhere ? {} : { interface: host }) }
      : { port: unicast.port, multicast: false, bind: '127.0.0.1', ip: '127.0.0.1' };
  const socket = multicastDns(options);
  return new Promise((resolve, reject) => {
    socket.on('warning', (error) => log.event('mdns.warning', { reason: String(error) }));
    socket.once('error', (cause) => {
      socket.destroy();
      const { message } = cause;
      reject(new HansaError('DISCOVERY_OFF', `no multicast DNS here: ${message}`, { cause }));
    });
    socket.once('ready', () => resolve(socket));
  });
}

async function talkOn(
  needs: MdnsNeeds,
  socket: MulticastDNS,
  given: { readonly talk: Talk; readonly speak: () => void; readonly signal: AbortSignal },
): Promise<void> {
  const { clock, log } = needs;
  const { talk, speak, signal } = given;
  let failure: Error | undefined;
  const broken = new AbortController();
  socket.on('error', (error) => {
    failure = error;
    broken.abort();
  });
  // Nothing may be thrown from in here: it would end the process.
  socket.on('query', ({ questions }) => {
    if (questions?.some(({ name, type }) => name === service && /^(?:PTR|ANY)$/.test(type))) {
      speak();
    }
  });
  socket.on('response', ({ answers, additionals }, { address }) => {
    if (isOnLink(address)) {
      const all = [...(answers ?? []), ...(additionals ?? [])];
      claimsIn(all, address).forEach((claim: LanClaim) => talk.heard(claim));
    } else {
      log.event('mdns.far', { address });
    }
  });
  const until = AbortSignal.any([signal, broken.signal]);
  while (!until.aborted) {
    speak();
    ask(needs, socket);
    await clock.sleep(askEveryMs, until).catch(() => undefined);
  }
  if (failure !== undefined && !signal.aborted) {
    throw new HansaError('DISCOVERY_OFF', 'multicast DNS broke down', { cause: failure });
  }
}

/** Says the word that holds now; the same one again only when a second is over, but then surely. */
function speaker(
  needs: MdnsNeeds,
  socket: MulticastDNS,
  { talk, signal }: { readonly talk: Talk; readonly signal: AbortSignal },
): () => void {
  const { clock } = needs;
  let said = { counter: -1, atMs: 0 };
  let waiting = false;
  const speak = (): void => {
    const word = talk.word();
    const nowMs = clock.monotonicMs();
    const gapMs = word?.counter === said.counter ? said.atMs + speakGapMs - nowMs : 0;
    if (word === undefined || signal.aborted) {
      return;
    }
    if (gapMs <= 0) {
      said = { counter: word.counter, atMs: nowMs };
      sendPacket({ needs, socket }, { answers: recordsOf(word) });
    } else if (!waiting) {
      waiting = true;
      const then = (): void => {
        waiting = false;
        speak();
      };
      clock.sleep(gapMs, signal).then(then, () => undefined);
    }
  };
  return speak;
}

function ask(needs: MdnsNeeds, socket: MulticastDNS): void {
  sendPacket({ needs, socket }, { questions: [{ name: service, type: 'PTR' }] });
}

/** `sent` is called for each target, when it has gone or could not. */
export function sendPacket(
  { needs: { log, unicast }, socket, sent }: Sending,
  what: { readonly questions: { name: string; type: 'PTR' }[] } | { readonly answers: Answer[] },
): void {
  const done = (error: Error | null | undefined): void => {
    if (error !== null && error !== undefined) {
      log.event('mdns.unsent', { reason: error.message });
    }
    sent?.();
  };
  const targets = unicast === undefined ? [undefined] : unicast.others();
  for (const target of targets) {
    const packet = { ...what };
    if ('questions' in packet) {
      socket.query(packet, target, done);
    } else {
      socket.respond(packet, target, done);
    }
  }
}

interface Sending {
  readonly needs: MdnsNeeds;
  readonly socket: MulticastDNS;
  readonly sent?: () => void;
}
