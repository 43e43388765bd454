// What a node serves of the router that it hosts: signals for callers of the API, each by a session
// of its own, and the desk of whoever looks after the router.
import { HansaError, type Call, type Caller } from '@hansa/foundation';
import type { Signal, SignalClient } from './contract.ts';
import { sessionsShownMax, type RouterDesk } from './hosted-contract.ts';
import type { LivingRules } from './living-rules.ts';
import type { OwnTokens } from './own-tokens.ts';
import type { Session } from './router/session.ts';
import type { Signals } from './signals.ts';

export interface SignalServiceNeeds {
  /** A session of the caller's; to be closed. */
  readonly visit: (caller: Caller, signal?: AbortSignal) => Promise<SignalClient>;
}

/** Whoever calls in process is the owner. */
const owner: Caller = { kind: 'owner' };

export function createSignalService({ visit }: SignalServiceNeeds): Signal {
  const during = async <T>(
    call: Call | undefined,
    act: (client: SignalClient) => Promise<T>,
  ): Promise<T> => {
    const client = await visit(call?.caller ?? owner, call?.signal);
    try {
      return await act(client);
    } finally {
      client.close();
    }
  };
  return {
    get: ({ address }, call) => during(call, (client) => client.get(address)),
    set: (setting, call) => during(call, (client) => client.set(setting)),
    emit: (publication, call) =>
      during(call, async (client) => {
        await client.emit(publication);
        return { address: publication.address };
      }),
    replay: (asked, call) => during(call, (client) => client.replay(asked)),
    async *watch(asked, call) {
      const client = await visit(call?.caller ?? owner, call?.signal);
      try {
        yield* client.watch(asked);
      } finally {
        client.close();
      }
    },
  };
}

export interface RouterDeskNeeds {
  /** Throws where it does not run. */
  readonly running: () => Signals;
  readonly rules: LivingRules;
  readonly tokens: OwnTokens;
  readonly url: () => string | undefined;
}

export function createRouterDesk({ running, rules, tokens, url }: RouterDeskNeeds): RouterDesk {
  return {
    async status() {
      const { router, waiting } = running();
      const { figures, sessions, paramCount } = router;
      const listening = url();
      return {
        ...(listening === undefined ? {} : { url: listening }),
        sessions: sessions.size,
        params: paramCount,
        waiting: waiting(),
        rules: rules.all().length,
        tokens: tokens.all().length,
        ...figures,
      };
    },
    async sessions() {
      const all = [...running().router.sessions.values()];
      const sessions = all.slice(0, sessionsShownMax).map(rowOf);
      return { sessions, more: all.length > sessions.length };
    },
    async endSession({ id }) {
      const session = running().router.sessions.get(id);
      if (session === undefined) {
        throw new HansaError('SIGNAL_NOT_FOUND', `no session ${id} is at the router`, {
          fix: 'hansa signal sessions',
        });
      }
      session.end(undefined, 'whoever looks after the router ended it');
      return { id };
    },
    rules: async () => ({ rules: rules.all() }),
    async putRule(rule) {
      const placed = await rules.put(rule);
      running().rulesChanged();
      return placed;
    },
    async removeRule({ pattern }) {
      const removed = await rules.remove(pattern);
      running().rulesChanged();
      return removed;
    },
    makeToken: (asked, call) => tokens.makeToken(asked, call),
    async tokens() {
      const { key } = tokens;
      return { tokens: tokens.all(), ...(key === undefined ? {} : { key }) };
    },
    revokeToken: (asked) => tokens.revokeToken(asked),
  };
}

function rowOf(session: Session): Awaited<ReturnType<RouterDesk['sessions']>>['sessions'][number] {
  const { id, name, remote, access, sinceMs, subscriptions, isPeer, outbox } = session;
  return {
    id,
    name,
    remote,
    subject: access.subject,
    sinceMs,
    subscriptions: subscriptions.size,
    peer: isPeer,
    waitingBytes: outbox.figures.lineBytes,
  };
}
