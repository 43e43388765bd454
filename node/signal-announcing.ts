// Tells the local network that a router of signals is here, in the words of the protocol, for who
// looks for one. Off until the owner switches it on, as every way of being found.
import { announceService } from '@hansa/discovery-mdns';
import type { Clock, Log } from '@hansa/foundation';
import { isLoopback } from './listener-config.ts';
import type { Opening } from './opening.ts';

/** As the protocol names it. */
const kind = '_clasp._tcp';
const textVersion = 2; // of what stands in the texts

const letters = { param: 'p', stream: 's', event: 'e', timeline: 't', gesture: 'g' } as const;
type Feature = keyof typeof letters;

export interface AnnouncedRouter {
  readonly host: string;
  readonly port: number;
  readonly isTls: boolean;
  readonly name: string;
  /** Absent: all. */
  readonly features?: readonly string[] | undefined;
}

/** Until the function that it gives is called; DISCOVERY_OFF on loopback and without multicast. */
export async function announceRouter(
  { host, port, isTls, name, features }: AnnouncedRouter,
  { clock, log }: { readonly clock: Clock; readonly log: Log },
): Promise<() => Promise<void>> {
  const spoken = (Object.keys(letters) as Feature[]).filter(
    (feature) => features?.includes(feature) ?? true,
  );
  const texts = [
    `version=${textVersion}`,
    `name=${name}`,
    `features=${spoken.map((feature) => letters[feature]).join('')}`,
    `${isTls ? 'wss' : 'ws'}=${port}`,
  ];
  const { stop } = await announceService({ host, clock, log }, { kind, name, port, texts });
  return stop;
}

/** A cluster's router, where the cluster tells the network of itself; a node goes on without. */
export async function announceHosted(
  { config, clock, log, undo }: Opening,
  port: number | undefined,
): Promise<void> {
  const { mdns, signals, nodeName } = config;
  if (!mdns || signals === undefined || port === undefined || isLoopback(signals.host)) {
    return;
  }
  const name = `${config.name} ${nodeName}`;
  const { host, tls: isTls } = signals;
  try {
    undo.push(await announceRouter({ host, port, isTls, name }, { clock, log }));
  } catch (error) {
    log.problem('signal-announcing.failed', error);
  }
}
