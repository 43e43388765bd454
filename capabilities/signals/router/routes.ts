// Who is told of an address. Patterns are asked once per address; then the answer is remembered
// until the patterns change, so that a message costs what its subscribers cost and nothing else.
import { signalTypes, type SignalType } from '../frames/messages.ts';
import type { PatternIndex } from '../patterns/trie.ts';
import { routerLimits } from './limits.ts';

/** One SUBSCRIBE of a session `S`. */
export interface Subscription<S> {
  readonly session: S;
  readonly pattern: string;
  /** Bits as on the wire; see `typeBit`. */
  readonly types: number;
  /** Between two messages of one address; 0 for any number. */
  readonly intervalMs: number;
  /** A number that changed by less is not told; 0 where everything is. */
  readonly epsilon: number;
  ended: boolean;
}

/** A session that is told of an address: once, however many of its patterns match. */
export interface Route<S> {
  readonly session: S;
  /** Types that at least one subscription wants without a limit. */
  plain: number;
  /** Types that are wanted with a limit. */
  limited: number;
  readonly limits: Subscription<S>[];
}

export interface Routes<S> {
  add(subscription: Subscription<S>): void;
  remove(subscription: Subscription<S>): void;
  to(address: string): readonly Route<S>[];
}

/** Of a PUBLISH that says no type, every bit. */
export function typeBit(signal: SignalType | undefined): number {
  return signal === undefined ? 0xff : 1 << signalTypes.indexOf(signal);
}

export function createRoutes<S>(index: PatternIndex<Subscription<S>>): Routes<S> {
  const known = new Map<string, readonly Route<S>[]>();
  const forget = (pattern: string): void => {
    if (pattern.includes('*')) {
      known.clear();
    } else {
      known.delete(pattern);
    }
  };
  return {
    add(subscription) {
      index.add(subscription.pattern, subscription);
      forget(subscription.pattern);
    },
    remove(subscription) {
      subscription.ended = true;
      index.remove(subscription.pattern, subscription);
      forget(subscription.pattern);
    },
    to(address) {
      const remembered = known.get(address);
      if (remembered !== undefined) {
        return remembered;
      }
      const routes = routesOf(index, address);
      if (known.size >= routerLimits.routesMax) {
        known.clear();
      }
      known.set(address, routes);
      return routes;
    },
  };
}

function routesOf<S>(index: PatternIndex<Subscription<S>>, address: string): readonly Route<S>[] {
  const routes = new Map<S, Route<S>>();
  index.match(address, (subscription) => {
    const { session, types } = subscription;
    let route = routes.get(session);
    if (route === undefined) {
      route = { session, plain: 0, limited: 0, limits: [] };
      routes.set(session, route);
    }
    if (subscription.intervalMs === 0 && subscription.epsilon === 0) {
      route.plain |= types;
    } else {
      route.limited |= types;
      route.limits.push(subscription);
    }
  });
  return [...routes.values()];
}
