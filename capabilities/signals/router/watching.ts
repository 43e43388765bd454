// SUBSCRIBE, UNSUBSCRIBE, GET and the snapshot of a HELLO: what a session is told of.
import { encodeFrame } from '../frames/encode.ts';
import { signalErrors, type SubscribeMessage } from '../frames/messages.ts';
import { addressProblem, isLiteral, patternProblem } from '../patterns/address.ts';
import { matcherOf } from '../patterns/matching.ts';
import type { Core } from './core.ts';
import { routerLimits } from './limits.ts';
import type { Param, Refusal } from './param.ts';
import { errorFrame } from './publishing.ts';
import { typeBit, type Subscription } from './routes.ts';
import { hears, type Session } from './session.ts';
import { entryOf, snapshotSource } from './snapshots.ts';
import { createTurns, type Turns } from './turns.ts';

export interface Watching {
  subscribe(session: Session, message: SubscribeMessage): void;
  unsubscribe(session: Session, id: number): void;
  get(session: Session, address: string): void;
  /** All that the session may read, at least one frame. */
  welcome(session: Session): void;
  /** What matches the patterns and is of a revision above `since`; at least one frame. */
  snapshot(session: Session, asked: { readonly pattern: string; readonly since: number }): void;
  /** SNAPSHOT frames of what is wanted, made as the session takes them. */
  tell(session: Session, wanted: Wanted): void;
  left(session: Session): void;
}

export interface Wanted {
  /** All that there are now, where it is left out. */
  readonly params?: Iterator<Param, undefined> | undefined;
  readonly wants: (param: Param) => boolean;
  /** A frame also where nothing is wanted. */
  readonly evenEmpty: boolean;
}

export function createWatching(core: Core): Watching {
  return new WatchingDesk(core);
}

class WatchingDesk implements Watching {
  readonly #core: Core;
  readonly #turns: Turns;

  constructor(core: Core) {
    this.#core = core;
    this.#turns = createTurns(core);
  }

  subscribe(session: Session, message: SubscribeMessage): void {
    const { id, pattern } = message;
    const refusal = refusalOfSubscribing(session, message);
    if (refusal !== undefined) {
      this.#core.figures.refused += 1;
      session.outbox.reply(errorFrame({ ...refusal, address: pattern }));
      return;
    }
    this.unsubscribe(session, id);
    const subscription = subscriptionOf(session, message);
    session.subscriptions.set(id, subscription);
    this.#core.routes.add(subscription);
    if ((message.types & typeBit('param')) !== 0) {
      this.#tellMatching(session, pattern);
    }
  }

  unsubscribe(session: Session, id: number): void {
    const subscription = session.subscriptions.get(id);
    if (subscription !== undefined) {
      session.subscriptions.delete(id);
      this.#core.routes.remove(subscription);
    }
  }

  get(session: Session, address: string): void {
    const refuse = (code: number, message: string): void =>
      session.outbox.reply(errorFrame({ code, message, address }));
    const problem = addressProblem(address);
    if (problem !== undefined) {
      refuse(signalErrors.address, problem);
      return;
    }
    // Asked before the look-up, so that what one may not read is as absent as anything.
    if (!session.access.allows('read', address)) {
      refuse(signalErrors.scope, 'no right to read this address');
      return;
    }
    const param = this.#core.params.read(address);
    if (param === undefined) {
      refuse(signalErrors.notFound, 'nothing was set at this address');
      return;
    }
    tellOne(session, param);
  }

  welcome(session: Session): void {
    if (session.access.quiet === true) {
      return;
    }
    const wants = ({ address }: Param): boolean => session.access.allows('read', address);
    this.tell(session, { wants, evenEmpty: true });
  }

  snapshot(
    session: Session,
    { pattern, since }: { readonly pattern: string; readonly since: number },
  ): void {
    const matches = matcherOf(pattern);
    const wants = ({ address, revision }: Param): boolean =>
      revision > since && matches(address) && session.access.allows('read', address);
    this.tell(session, { wants, evenEmpty: true });
  }

  tell(session: Session, { params, wants, evenEmpty }: Wanted): void {
    const all = this.#core.params;
    const { newest } = all;
    const turns = this.#turns;
    const goOn = (): void => session.outbox.drained();
    const asked = { params: params ?? all.all(), newest, wants, evenEmpty, turns, goOn };
    session.outbox.reply(snapshotSource(asked));
  }

  left(session: Session): void {
    session.subscriptions.forEach((subscription) => this.#core.routes.remove(subscription));
    session.subscriptions.clear();
  }

  #tellMatching(session: Session, pattern: string): void {
    const { params } = this.#core;
    if (isLiteral(pattern)) {
      const param = params.get(pattern);
      if (param !== undefined && hears(session, pattern)) {
        tellOne(session, param);
      }
    } else if (params.size > 0) {
      const matches = matcherOf(pattern);
      const wants = ({ address }: Param): boolean => matches(address) && hears(session, address);
      this.tell(session, { wants, evenEmpty: false });
    }
  }
}

/** Made when there is room for it: who asks and takes nothing holds questions, not answers. */
function tellOne(session: Session, param: Param): void {
  let isTold = false;
  session.outbox.reply({
    next() {
      if (isTold) {
        return undefined;
      }
      isTold = true;
      const { address } = param;
      return session.access.allows('read', address)
        ? encodeFrame({ type: 'snapshot', params: [entryOf(param)] })
        : errorFrame({
            code: signalErrors.scope,
            message: 'no right to read this address',
            address,
          });
    },
  });
}

function refusalOfSubscribing(
  session: Session,
  { id, pattern }: SubscribeMessage,
): Refusal | undefined {
  const problem = patternProblem(pattern);
  if (problem !== undefined) {
    return { code: signalErrors.pattern, message: problem };
  }
  if (!session.access.allows('watch', pattern)) {
    return { code: signalErrors.scope, message: 'no right to read all that the pattern covers' };
  }
  const { subscriptionsMax } = routerLimits;
  if (!session.subscriptions.has(id) && session.subscriptions.size >= subscriptionsMax) {
    const message = `${subscriptionsMax} subscriptions are all that a session has`;
    return { code: signalErrors.rate, message };
  }
  return undefined;
}

function subscriptionOf(
  session: Session,
  { pattern, types, maxRate = 0, epsilon = 0 }: SubscribeMessage,
): Subscription<Session> {
  return {
    session,
    pattern,
    types,
    intervalMs: maxRate > 0 ? 1_000 / maxRate : 0,
    // What is no sensible difference asks for nothing.
    epsilon: epsilon > 0 && Number.isFinite(epsilon) ? epsilon : 0,
    ended: false,
  };
}
