// Writes at addresses that another router owns: carried there link by link, judged there alone, and
// answered the way they came. What the owner took reaches everybody as any change of its does.
import type { Clock } from '@hansa/foundation';
import { maskHas } from '../frames/codes.ts';
import { encodeFrame } from '../frames/encode.ts';
import {
  signalErrors,
  type AckMessage,
  type ErrorMessage,
  type PublishMessage,
  type SetMessage,
  type SignalType,
} from '../frames/messages.ts';
import { addressProblem } from '../patterns/address.ts';
import { isRefusal, type Param, type Refusal } from '../router/param.ts';
import { errorFrame } from '../router/publishing.ts';
import type { Router } from '../router/router.ts';
import type { Session } from '../router/session.ts';
import type { Timers } from '../router/timers.ts';
import type { Believing } from './believing.ts';
import { createAsks, type Answer, type Asks } from './asks.ts';
import { isPrivate, mayBeShared, type FederationConfig } from './config.ts';
import type { Dispute } from './dispute.ts';
import type { KinLink } from './kin-link.ts';
import { federationLimits } from './limits.ts';
import { suffixedMessage, type Suffix, type Suffixed } from './suffix.ts';
import type { Topology } from './topology.ts';
import type { Version } from './versions.ts';

interface Carried {
  readonly message: SetMessage | PublishMessage;
  readonly suffix: Suffix;
  readonly settle: (answer: Answer) => void;
}

/** The router at this end, as far as writes at others' addresses need it. */
export interface CarryingHost {
  readonly config: FederationConfig;
  readonly routerId: string;
  readonly clock: Clock;
  readonly timers: Timers;
  readonly topology: Topology;
  readonly links: ReadonlyMap<string, KinLink>;
  readonly router: Router | undefined;
  /** Links to hubs of another kind. */
  readonly owners: ReadonlySet<object>;
  readonly dispute: Dispute;
  readonly believing: Believing;
  param(address: string): Param | undefined;
  version(address: string): Version | undefined;
  isStandby(link: KinLink): boolean;
}

export class Carrying {
  readonly #federation: CarryingHost;
  readonly #asks: Asks;

  constructor(federation: CarryingHost) {
    this.#federation = federation;
    this.#asks = createAsks(federation);
  }

  /** What a client may not do here; of peers the desk speaks. */
  refusal(session: Session | undefined, address: string): Refusal | undefined {
    if (session === undefined || session.isPeer || isPrivate(address)) {
      return undefined;
    }
    const owner = this.#federation.topology.ownerOf(address);
    switch (owner?.kind) {
      case 'self':
      case 'peer':
        return this.#refusalOfDispute(address);
      case 'router': {
        const message = `${owner.id} owns this address: it is written alone, not in a bundle`;
        return { code: signalErrors.refused, message, address };
      }
      case 'away': {
        const message = `${owner.id} owns this address and cannot be reached`;
        return { code: signalErrors.timeout, message, address };
      }
      default:
        return this.#refusalOfNobodys(address);
    }
  }

  /** Of a leaf that is linked to nobody it may be anybody's. */
  #refusalOfNobodys(address: string): Refusal | undefined {
    const { config, links, owners } = this.#federation;
    if (config.mode.kind === 'hub') {
      return undefined;
    }
    return config.mode.kind === 'leaf' && links.size + owners.size === 0
      ? { code: signalErrors.timeout, message: 'the hub cannot be reached', address }
      : notOurs(address);
  }

  /** Taken here, it would stand here alone, and something else everywhere else. */
  #refusalOfDispute(address: string): Refusal | undefined {
    const { why } = this.#federation.dispute;
    return why === undefined
      ? undefined
      : {
          code: signalErrors.refused,
          message: `our hub does not let us own it: ${why}`,
          address,
        };
  }

  lost(linkId: string): void {
    this.#asks.lost(linkId);
  }

  asked(link: KinLink, { suffix, message }: Suffixed): void {
    const { address } = message;
    const answer = (told: Answer): void => {
      if (suffix.id !== 0) {
        link.send(answerFrame(address, suffix.id, told));
      }
    };
    if (!mayBeShared(address) || !link.rights.allows('write', address)) {
      answer({ code: signalErrors.scope, message: 'no right to write at this address', address });
      return;
    }
    if (!bears(link, message)) {
      answer(notCarried(message));
      return;
    }
    const owner = this.#federation.topology.ownerOf(address);
    if (owner?.kind === 'self' || owner?.kind === 'peer') {
      this.#judge(message, this.#vouched(link, suffix), answer);
    } else if (owner?.kind === 'router' && owner.next !== link.peerId) {
      this.#ask({ message, suffix: { ...suffix, hops: suffix.hops + 1 }, settle: answer });
    } else {
      answer(unreachable(address));
    }
  }

  /** Of a session of the router that it came from, and of nobody's who is here. */
  #vouched({ peerId }: KinLink, suffix: Suffix): Suffix {
    const { origin, writer } = suffix;
    const { routerId, topology } = this.#federation;
    const comesFromThere = origin !== routerId && topology.mayBring(peerId, origin);
    return comesFromThere && writer.startsWith(`${origin}/`)
      ? suffix
      : { ...suffix, origin: peerId, writer: `${peerId}/${writer}` };
  }

  answered(link: KinLink, message: AckMessage | ErrorMessage): void {
    this.#asks.answer(message.correlationId ?? 0, link.id, message);
  }

  /** Whether a session's write there is another router's to judge. */
  isElsewhere(session: Session, address: string): boolean {
    if (session.isPeer || this.#federation.links.size === 0 || isPrivate(address)) {
      return false;
    }
    return (
      this.#federation.topology.ownerOf(address)?.kind === 'router' &&
      addressProblem(address) === undefined &&
      session.access.allows('write', address)
    );
  }

  carry(session: Session, message: SetMessage | PublishMessage, isOurs = false): void {
    const { address } = message;
    const settle = (answer: Answer): void => {
      if (session.ended || isOurs) {
        return;
      }
      if (isRefusal(answer)) {
        session.outbox.reply(errorFrame(answer));
        return;
      }
      // Revisions are counted by each router: what the session is told is what it sees here.
      const revision = this.#federation.param(address)?.revision ?? answer.revision;
      session.outbox.reply(encodeFrame({ type: 'ack', address, revision }));
    };
    const refusal = message.type === 'set' ? this.#refusalOfCarrying(message) : undefined;
    if (refusal !== undefined) {
      settle(refusal);
      return;
    }
    const isBased = message.type === 'set' && message.revision !== undefined;
    const stamp = isBased ? (this.#federation.version(address)?.stamp ?? 0) : 0;
    const writer = `${this.#federation.routerId}/${session.id}`;
    const suffix = {
      kind: 'asked',
      hops: 1,
      stamp,
      id: 0,
      origin: this.#federation.routerId,
      writer,
    } as const;
    this.#ask({ message, suffix, settle });
  }

  #refusalOfCarrying({ address, lock, unlock, revision }: SetMessage): Refusal | undefined {
    if (lock || unlock) {
      const message = 'a lock is taken at the router that owns the address';
      return { code: signalErrors.refused, message, address };
    }
    const actual = this.#federation.param(address)?.revision;
    if (revision !== undefined && actual !== undefined && revision !== actual) {
      const message = `RevisionConflict { expected: ${revision}, actual: ${actual} }`;
      return { code: signalErrors.conflict, message, address };
    }
    return undefined;
  }

  #ask(asked: Carried): void {
    const { message, suffix, settle } = asked;
    const { address } = message;
    const link = this.#wayOf(asked);
    if (isRefusal(link)) {
      settle(link);
      return;
    }
    // Who publishes is told nothing, and so waits for nothing.
    const isAnswered = message.type === 'set';
    const id = isAnswered ? this.#openAsk(link, asked) : 0;
    if (id === undefined) {
      const sentence = 'too many writes wait for other routers';
      settle({ code: signalErrors.overflow, message: sentence, address });
      return;
    }
    const bare = message.type === 'set' ? { ...message, revision: undefined } : message;
    try {
      const frame = suffixedMessage(bare, { ...suffix, id });
      if (message.type === 'set') {
        link.send(frame);
      } else {
        link.news(frame, this.#federation.router?.isFleeting(message) ?? false);
      }
    } catch {
      const sentence = 'the value is too large to be carried to its owner';
      settle({ code: signalErrors.value, message: sentence, address });
    }
  }

  /** The link to the owner, or why it does not go there. */
  #wayOf({ message, suffix }: Carried): KinLink | Refusal {
    const { address } = message;
    const owner = this.#federation.topology.ownerOf(address);
    const link = owner?.kind === 'router' ? this.#linkTo(owner.next) : undefined;
    const goes = link?.rights.carries?.(address) ?? true;
    if (link === undefined || !goes || suffix.hops > federationLimits.hopsMax) {
      return unreachable(address);
    }
    return bears(link, message) ? link : notCarried(message);
  }

  #openAsk(link: KinLink, { message, settle }: Carried): number | undefined {
    const { address } = message;
    return link.isStalled ? undefined : this.#asks.open({ linkId: link.id, address, settle });
  }

  /** A write of another router's session at an address that is ours to judge. */
  #judge(
    message: SetMessage | PublishMessage,
    suffix: Suffix,
    answer: (told: Answer) => void,
  ): void {
    const verb = message.type === 'set' ? 'SET' : 'PUBLISH';
    const refusal = this.#federation.router?.refusal(verb, message.address);
    if (refusal !== undefined) {
      answer(refusal);
      return;
    }
    if (message.type === 'publish') {
      const { writer, origin: router } = suffix;
      if (!this.#federation.believing.isOver(message, router)) {
        this.#federation.router?.publish(message, { writer, router });
      }
      answer({ revision: undefined });
      return;
    }
    let kept: Promise<void> | undefined;
    const told = this.#judgeSet(message, suffix, (stored) => {
      kept = stored;
    });
    if (kept === undefined) {
      answer(told);
      return;
    }
    const { address } = message;
    const sentence = 'the write was taken and could not be stored';
    kept.then(
      () => answer(told),
      () => answer({ code: signalErrors.internal, message: sentence, address }),
    );
  }

  #judgeSet(
    message: SetMessage,
    { stamp, writer }: Suffix,
    stored: (kept: Promise<void>) => void,
  ): Answer {
    const { address } = message;
    const held = this.#federation.version(address)?.stamp;
    if (stamp !== 0 && held !== undefined && held !== stamp) {
      const sentence = `RevisionConflict { expected: ${stamp}, actual: ${held} }`;
      return { code: signalErrors.conflict, message: sentence, address };
    }
    const { value, ttl } = message;
    const plain = { lock: false, unlock: false, writer, isAfar: true };
    const outcome = this.#federation.router?.set({ address, value, ttl, ...plain }, stored);
    if (outcome === undefined) {
      return unreachable(address);
    }
    return isRefusal(outcome) ? outcome : { revision: outcome.revision };
  }

  #linkTo(peerId: string): KinLink | undefined {
    for (const link of this.#federation.links.values()) {
      if (link.peerId === peerId && !this.#federation.isStandby(link)) {
        return link;
      }
    }
    return undefined;
  }
}

function answerFrame(address: string, correlationId: number, told: Answer): Uint8Array {
  if (isRefusal(told)) {
    const { code, message } = told;
    return encodeFrame({ type: 'error', code, message, address, correlationId });
  }
  const { revision } = told;
  return encodeFrame({ type: 'ack', address, revision, correlationId });
}

function typeOf(message: SetMessage | PublishMessage): SignalType {
  return message.type === 'set' ? 'param' : (message.signal ?? 'event');
}

function bears({ types }: KinLink, message: SetMessage | PublishMessage): boolean {
  return maskHas(types, typeOf(message));
}

function notCarried(message: SetMessage | PublishMessage): Refusal {
  const type = typeOf(message);
  const sentence = `the link to the owner of this address carries nothing of type ${type}`;
  return { code: signalErrors.refused, message: sentence, address: message.address };
}

function unreachable(address: string): Refusal {
  const message = 'the router that owns this address cannot be reached';
  return { code: signalErrors.timeout, message, address };
}

function notOurs(address: string): Refusal {
  const message = 'this router does not own the address, and knows nobody who does';
  return { code: signalErrors.refused, message, address };
}
