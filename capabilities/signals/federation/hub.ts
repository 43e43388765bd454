// The desk of other routers: sessions that said `federation`. They declare which addresses are
// theirs, ask for what is there, compare revisions, and write nowhere else. One of our own kind is
// handed a link as soon as it has declared; any other stays a session that is subscribed to what it
// owns, and its writes are judged here.
import { maskHas } from '../frames/codes.ts';
import { encodeFrame } from '../frames/encode.ts';
import { signalErrors, type FederationMessage, type SignalFrame } from '../frames/messages.ts';
import { patternProblem } from '../patterns/address.ts';
import { covers } from '../patterns/covering.ts';
import { createBucket, type Bucket } from '../router/bucket.ts';
import type { PeerDesk } from '../router/core.ts';
import type { Param } from '../router/param.ts';
import { errorFrame } from '../router/publishing.ts';
import type { PeerSide } from '../router/router.ts';
import type { Subscription } from '../router/routes.ts';
import type { Session } from '../router/session.ts';
import { carriedByBoth } from './config.ts';
import type { Emit } from './events.ts';
import type { Federation } from './federation.ts';
import { KinLink } from './kin-link.ts';
import { federationLimits } from './limits.ts';
import { owns } from './link-rights.ts';
import { advertOf, welcomeToken, type Advert } from './suffix.ts';
import { shortened } from './topology.ts';

/** What a peer has declared. */
interface Declared {
  /** As it says; nobody vouches for it. */
  readonly routerId: string;
  readonly patterns: readonly string[];
  readonly subscriptions: readonly Subscription<Session>[];
  /** Where it is of our own kind. */
  readonly link: KinLink | undefined;
}

interface Refused {
  readonly code: number;
  readonly message: string;
}

export interface HubNeeds {
  readonly federation: Federation;
  readonly emit: Emit;
}

export function createHub({ federation, emit }: HubNeeds, side: PeerSide): PeerDesk {
  return new Hub(federation, emit, side);
}

class Hub implements PeerDesk {
  readonly token: string;
  readonly #federation: Federation;
  readonly #emit: Emit;
  readonly #side: PeerSide;
  readonly #declared = new Map<Session, Declared>();
  readonly #pace = new WeakMap<Session, Bucket>();

  constructor(federation: Federation, emit: Emit, side: PeerSide) {
    this.#federation = federation;
    this.#emit = emit;
    this.#side = side;
    this.token = welcomeToken(federation.routerId);
    side.core.guards.add((session, verb, address) => {
      if (session?.isPeer !== true || this.#mayWrite(session, address)) {
        return undefined;
      }
      const message = `${verb} outside declared federation namespace`;
      return { code: signalErrors.refused, message, address };
    });
  }

  received(session: Session, message: FederationMessage): void {
    const refused = this.#refusal(session, message);
    if (refused !== undefined) {
      this.#refuse(session, refused);
      return;
    }
    switch (message.op) {
      case 'declare':
        this.#declare(session, message);
        return;
      case 'request':
        this.#request(session, message);
        return;
      case 'revisions':
        this.#compare(session, message);
        return;
      default:
    }
  }

  takes(session: Session, frame: SignalFrame): boolean {
    const link = this.#declared.get(session)?.link;
    return link?.receive(frame) ?? false;
  }

  isElsewhere(session: Session, address: string): boolean {
    return this.#federation.carrying.isElsewhere(session, address);
  }

  carry(...carried: Parameters<PeerDesk['carry']>): void {
    this.#federation.carrying.carry(...carried);
  }

  left(session: Session): void {
    const declared = this.#declared.get(session);
    if (declared !== undefined) {
      this.#forget(session);
      this.#emit({ type: 'disconnected', peer: declared.routerId, reason: 'the session ended' });
    }
  }

  /** Who has declared nothing owns nothing. */
  #mayWrite(session: Session, address: string): boolean {
    const owner = this.#federation.topology.ownerOf(address);
    return owner?.kind === 'peer' && owner.key === session.id;
  }

  /** What is wrong with the message itself, whoever sends it. */
  #refusal(session: Session, { op, patterns, revisions }: FederationMessage): Refused | undefined {
    const { patternsMax, revisionsMax } = federationLimits;
    if (this.#federation.config.mode.kind === 'leaf') {
      return { code: signalErrors.refused, message: 'a leaf takes no federation peers' };
    }
    if (patterns.length > patternsMax) {
      const what = op === 'declare' ? 'namespace' : 'sync';
      const message = `too many ${what} patterns: ${patterns.length} (max ${patternsMax})`;
      return { code: signalErrors.conflict, message };
    }
    if (revisions.length > revisionsMax) {
      const message = `too many revision entries: ${revisions.length} (max ${revisionsMax})`;
      return { code: signalErrors.conflict, message };
    }
    if (op === 'declare' && !this.#paceOf(session).take(1)) {
      return { code: signalErrors.rate, message: 'too many declarations in a second' };
    }
    if (op !== 'declare' && op !== 'request') {
      return undefined;
    }
    if (op === 'declare' && patterns.length === 0 && session.access.routerId === undefined) {
      // No right would be asked for, and a router is believed what it tells of others.
      return { code: signalErrors.refused, message: 'a router says which addresses are its own' };
    }
    return this.#refusalOfScope(session, patterns);
  }

  #paceOf(session: Session): Bucket {
    const known = this.#pace.get(session);
    if (known !== undefined) {
      return known;
    }
    const pace = createBucket(this.#side.core.clock, federationLimits.declarationsPerSecondMax);
    this.#pace.set(session, pace);
    return pace;
  }

  /** A peer is told of what it declares, and nobody else judges it: it has to have that right. */
  #refusalOfScope({ access }: Session, patterns: readonly string[]): Refused | undefined {
    if (access.routerId !== undefined) {
      return undefined; // what it owns is not for it to say
    }
    const denied = patterns.find((pattern) => !owns(access, pattern));
    if (denied === undefined) {
      return undefined;
    }
    const message = `insufficient scope for namespace: ${shortened(denied)}`;
    return { code: signalErrors.refused, message };
  }

  /** Why it may not be called so. */
  #misnaming(
    { access }: Session,
    { routerId, advert }: { readonly routerId: string; readonly advert: Advert | undefined },
  ): string | undefined {
    if (routerId === this.#federation.routerId) {
      return 'that is what this router is called';
    }
    const { routerId: proven } = access;
    const isAnother = proven !== undefined && (routerId !== proven || advert === undefined);
    return isAnother ? 'the link has proven another router than the one that speaks' : undefined;
  }

  #declare(session: Session, message: FederationMessage): void {
    const advert = advertOf(message);
    const routerId = (message.origin || session.name).slice(0, federationLimits.routerIdBytesMax);
    const misnamed = this.#misnaming(session, { routerId, advert });
    if (misnamed !== undefined) {
      this.#refuse(session, { code: signalErrors.refused, message: misnamed });
      return;
    }
    const stranger = this.#otherSession(session, routerId);
    if (stranger !== undefined && stranger.access.subject !== session.access.subject) {
      const sentence = `${routerId} is connected already, as somebody else`;
      this.#refuse(session, { code: signalErrors.refused, message: sentence });
      return;
    }
    // What is no pattern matches nothing, and is not worth refusing the rest for.
    const patterns = [...new Set(message.patterns)].filter(
      (pattern) => patternProblem(pattern) === undefined,
    );
    if (stranger !== undefined) {
      this.left(stranger);
      stranger.end(undefined, 'the same router has connected again');
    }
    const sentence =
      advert === undefined
        ? this.#federation.topology.claim(session.id, routerId, patterns)
        : this.#federation.offer(advert, routerId, session.access.brings !== undefined);
    if (sentence !== undefined) {
      this.#refuse(session, { code: signalErrors.refused, message: sentence });
      return;
    }
    this.#widen(session);
    if (advert === undefined) {
      this.#takeStranger(session, { routerId, patterns });
    } else {
      this.#takeKin(session, advert);
    }
    this.#emit({ type: 'peerNamespaces', peer: routerId, patterns });
  }

  /** A router sends what all its clients do; who gave it a rate of its own has thought of that. */
  #widen(session: Session): void {
    const { clock, settings } = this.#side.core;
    if (session.access.messagesPerSecondMax === undefined) {
      const { peerRateFactor } = federationLimits;
      session.bucket = createBucket(clock, settings.messagesPerSecondMax * peerRateFactor);
    }
  }

  #takeStranger(
    session: Session,
    { routerId, patterns }: { readonly routerId: string; readonly patterns: readonly string[] },
  ): void {
    const { routes } = this.#side.core;
    this.#declared.get(session)?.subscriptions.forEach((one) => routes.remove(one));
    const types = this.#typesOf(session);
    const subscriptions = patterns.map((pattern) => subscriptionTo(session, { pattern, types }));
    subscriptions.forEach((one) => routes.add(one));
    this.#declared.set(session, { routerId, patterns, subscriptions, link: undefined });
    session.outbox.reply(encodeFrame({ type: 'ack' }));
    this.#federation.peersChanged();
  }

  #takeKin(session: Session, { routerId, patterns }: Advert): void {
    this.#forget(session);
    // It is told by its link, with stamps; plain subscriptions would tell it twice.
    this.#side.watching.left(session);
    const { lineBytesMax } = federationLimits;
    const link = new KinLink({
      host: this.#federation,
      port: {
        id: session.id,
        send: (frame) => session.outbox.reply(frame),
        isClogged: () => {
          const { lineBytes, replies } = session.outbox.figures;
          return lineBytes > lineBytesMax || replies > 0;
        },
      },
      peerId: routerId,
      dialerId: routerId,
      rights: session.access,
      types: this.#typesOf(session),
    });
    this.#declared.set(session, { routerId, patterns, subscriptions: [], link });
    session.outbox.reply(encodeFrame({ type: 'ack' }));
    this.#federation.linkUp(link);
  }

  #typesOf({ features }: Session): number {
    return carriedByBoth(this.#federation.config.features, features);
  }

  #request(session: Session, { patterns, since = 0 }: FederationMessage): void {
    const { core, watching } = this.#side;
    const declared = this.#declared.get(session);
    const own = declared?.patterns ?? [];
    const outside = patterns.find(
      (pattern) => !own.some((declaring) => covers(declaring, pattern)),
    );
    if (declared === undefined || outside !== undefined) {
      const message =
        outside === undefined
          ? 'no namespaces are declared'
          : `pattern '${shortened(outside)}' not covered by declared namespaces`;
      this.#refuse(session, { code: signalErrors.refused, message });
      return;
    }
    const { name: origin } = core.settings;
    const complete = (): void => {
      const done = { type: 'federation', op: 'complete', patterns, revisions: [], origin } as const;
      session.outbox.reply(encodeFrame(done));
      this.#emit({ type: 'connected', peer: declared.routerId });
    };
    if (declared.link !== undefined) {
      declared.link.tellUnheard();
      declared.link.whenTold(complete);
      return;
    }
    if (maskHas(this.#typesOf(session), 'param')) {
      patterns.forEach((pattern) => watching.snapshot(session, { pattern, since }));
    }
    complete();
  }

  #compare(session: Session, { revisions }: FederationMessage): void {
    const { core, watching } = this.#side;
    const theirs = new Map(revisions.map(({ address, revision }) => [address, revision]));
    watching.tell(session, {
      params: held(theirs.keys(), (address) => core.params.get(address)),
      wants: ({ address, revision }) =>
        maskHas(this.#typesOf(session), 'param') &&
        revision > (theirs.get(address) ?? revision) &&
        this.#mayWrite(session, address) &&
        session.access.allows('read', address),
      evenEmpty: false,
    });
  }

  #otherSession(session: Session, routerId: string): Session | undefined {
    for (const [other, declared] of this.#declared) {
      if (other !== session && declared.routerId === routerId) {
        return other;
      }
    }
    return undefined;
  }

  #forget(session: Session): void {
    const declared = this.#declared.get(session);
    this.#declared.delete(session);
    declared?.subscriptions.forEach((one) => this.#side.core.routes.remove(one));
    if (declared?.link !== undefined) {
      this.#federation.linkDown(declared.link);
    } else if (declared !== undefined) {
      this.#federation.topology.release(session.id);
      this.#federation.peersChanged();
    }
  }

  #refuse(session: Session, { code, message }: Refused): void {
    this.#side.core.figures.refused += 1;
    session.outbox.reply(errorFrame({ code, message }));
  }
}

/** Internal: it has no id of the session's, so that no number of its own is taken by it. */
function subscriptionTo(
  session: Session,
  { pattern, types }: Pick<Subscription<Session>, 'pattern' | 'types'>,
): Subscription<Session> {
  return { session, pattern, types, intervalMs: 0, epsilon: 0, ended: false };
}

function* held(
  addresses: Iterable<string>,
  get: (address: string) => Param | undefined,
): Generator<Param, undefined> {
  for (const address of addresses) {
    const param = get(address);
    if (param !== undefined) {
      yield param;
    }
  }
  return undefined;
}
