// SUBSCRIBE, UNSUBSCRIBE, GET and the snapshot of a HELLO: what a session is told of.
import { encodeFrame } from '../frames/encode.ts';
import { signalErrors, type SubscribeMessage } from '../frames/messages.ts';
import { addressProblem, isLiteral, patternProblem } from '../patterns/address.ts';
import { matcherOf } from '../patterns/matching.ts';
import type { Core } from './core.ts';
import { routerLimits } from './limits.ts';
import type { Param } from './param.ts';
import { errorFrame } from './publishing.ts';
import { typeBit, type Subscription } from './routes.ts';
import type { Session } from './session.ts';
import { entryOf, snapshotSource } from './snapshots.ts';

export interface Watching {
  subscribe(session: Session, message: SubscribeMessage): void;
  unsubscribe(session: Session, id: number): void;
  get(session: Session, address: string): void;
  /** All that the session may read, at least one frame. */
  welcome(session: Session): void;
  /** What matches the patterns and is of a revision above `since`; at least one frame. */
  snapshot(session: Session, asked: { readonly pattern: string; readonly since: number }): void;
  left(session: Session): void;
}

interface Wanted {
  readonly wants: (param: Param) => boolean;
  readonly evenEmpty: boolean;
}

export function createWatching(core: Core): Watching {
  const tell = (session: Session, { wants, evenEmpty }: Wanted): void => {
    const goOn = (): void => {
      core.timers.at(core.clock.monotonicMs(), () => session.outbox.drained());
    };
    const { params } = core;
    const asked = { params: params.all(), newest: params.newest, wants, evenEmpty, goOn };
    session.outbox.reply(snapshotSource(asked));
  };
  const tellOne = (session: Session, param: Param): void =>
    session.outbox.reply(encodeFrame({ type: 'snapshot', params: [entryOf(param)] }));

  const end = (session: Session, id: number): void => {
    const subscription = session.subscriptions.get(id);
    if (subscription !== undefined) {
      session.subscriptions.delete(id);
      core.routes.remove(subscription);
    }
  };
  return {
    subscribe(session, message) {
      const { id, pattern, types } = message;
      const refuse = (code: number, sentence: string): void => {
        core.figures.refused += 1;
        session.outbox.reply(errorFrame({ code, message: sentence, address: pattern }));
      };
      const problem = patternProblem(pattern);
      if (problem !== undefined) {
        refuse(signalErrors.pattern, problem);
        return;
      }
      if (!session.access.allows('watch', pattern)) {
        refuse(signalErrors.scope, 'no right to read all that the pattern covers');
        return;
      }
      const { subscriptionsMax } = routerLimits;
      if (!session.subscriptions.has(id) && session.subscriptions.size >= subscriptionsMax) {
        refuse(signalErrors.rate, `${subscriptionsMax} subscriptions are all that a session has`);
        return;
      }
      end(session, id);
      const subscription = subscriptionOf(session, message);
      session.subscriptions.set(id, subscription);
      core.routes.add(subscription);
      if ((types & typeBit('param')) === 0) {
        return;
      }
      if (isLiteral(pattern)) {
        const param = core.params.get(pattern);
        if (param !== undefined) {
          tellOne(session, param);
        }
      } else if (core.params.size > 0) {
        const matches = matcherOf(pattern);
        tell(session, { wants: ({ address }) => matches(address), evenEmpty: false });
      }
    },
    unsubscribe: end,
    get(session, address) {
      const problem = addressProblem(address);
      if (problem !== undefined) {
        session.outbox.reply(errorFrame({ code: signalErrors.address, message: problem, address }));
        return;
      }
      // Asked before the look-up, so that what one may not read is as absent as anything.
      if (!session.access.allows('read', address)) {
        const message = 'no right to read this address';
        session.outbox.reply(errorFrame({ code: signalErrors.scope, message, address }));
        return;
      }
      const param = core.params.read(address);
      if (param === undefined) {
        const message = 'nothing was set at this address';
        session.outbox.reply(errorFrame({ code: signalErrors.notFound, message, address }));
        return;
      }
      tellOne(session, param);
    },
    welcome(session) {
      const wants = ({ address }: Param): boolean => session.access.allows('read', address);
      tell(session, { wants, evenEmpty: true });
    },
    snapshot(session, { pattern, since }) {
      const matches = matcherOf(pattern);
      const wants = (param: Param): boolean => param.revision > since && matches(param.address);
      tell(session, { wants, evenEmpty: true });
    },
    left(session) {
      session.subscriptions.forEach((subscription) => core.routes.remove(subscription));
      session.subscriptions.clear();
    },
  };
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
