// The router: any number of sessions over lines of any transport, one state, one order. Everything
// happens in the turn in which a frame comes; only time (`Clock`), tokens and journals are waited
// for. Who carries changes elsewhere, a link or a store, listens and writes by the local door.
import type { Clock, Log, Random } from '@hansa/foundation';
import { carriedTypes, qosOf } from '../frames/codes.ts';
import { encodeFrame, frameAround } from '../frames/encode.ts';
import type { AcceptLine, Line, LineEvents } from '../frames/line.ts';
import type { Feature, PublishMessage } from '../frames/messages.ts';
import { createPatternIndex } from '../patterns/trie.ts';
import { openDoor, type Doorkeeper, type SignalAccess } from './access.ts';
import { createAnnouncing } from './announcing.ts';
import { createBundles } from './bundles.ts';
import type {
  Core,
  Keeper,
  PeerDesk,
  PublishOrigin,
  RouterFigures,
  Settings,
  SignalListener,
  WriteGuard,
} from './core.ts';
import { createDesk, type Rooms } from './desk.ts';
import { createFanout, isFleeting, type Fanout } from './fanout.ts';
import { createGestures, type Forward, type Gestures } from './gestures.ts';
import { createGreeting } from './greeting.ts';
import type { Journal } from './journal.ts';
import { routerDefaults } from './limits.ts';
import { isRefusal, type Param, type ParamWrite, type Refusal } from './param.ts';
import { createParams, type StoredParam } from './params.ts';
import { createPublishing, guarded } from './publishing.ts';
import { createReplaying } from './replaying.ts';
import { createRoutes } from './routes.ts';
import { createRuleBook, ttlSecondsOf, type AddressRule, type RuleBook } from './rules.ts';
import type { Session } from './session.ts';
import { createTimers } from './timers.ts';
import { createWatching, type Watching } from './watching.ts';
import { createWriting, type Writing } from './writing.ts';

export interface RouterOptions {
  /** What WELCOME calls us. */
  readonly name?: string | undefined;
  readonly features?: readonly Feature[] | undefined;
  /** The first that matches counts. */
  readonly rules?: readonly AddressRule[] | undefined;
  /** Instead of them, where they change while the router runs. */
  readonly ruleOf?: RuleBook | undefined;
  readonly sessionsMax?: number | undefined;
  readonly messagesPerSecondMax?: number | undefined;
  readonly paramsMax?: number | undefined;
  readonly paramBytesMax?: number | undefined;
  readonly paramTtlSeconds?: number | undefined;
  readonly atCapacity?: 'refuse' | 'evict' | undefined;
  readonly sessionIdleMs?: number | undefined;
  readonly lineBytesMax?: number | undefined;
}

export interface RouterNeeds {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  /** Absent: everybody may do everything. */
  readonly doorkeeper?: Doorkeeper | undefined;
  readonly journal?: Journal | undefined;
  readonly keeper?: Keeper | undefined;
  /** Absent: this router takes no peers. */
  readonly peers?: ((hub: PeerSide) => PeerDesk) | undefined;
  readonly options?: RouterOptions | undefined;
}

/** What the desk of other routers is given. */
export interface PeerSide {
  readonly core: Core;
  readonly watching: Watching;
}

export interface Router {
  readonly accept: AcceptLine;
  /** A line that has proven who is there: no token is asked for. */
  readonly acceptAs: (line: Line, access: SignalAccess) => LineEvents;
  readonly sessions: ReadonlyMap<string, Session>;
  readonly figures: Readonly<RouterFigures>;
  readonly paramCount: number;
  /** How many moments are waited for. */
  readonly timerCount: number;
  get(address: string): Param | undefined;
  params(): IterableIterator<Param>;
  /**
   * A write of this process, or of a link; told to all who are subscribed. `stored` is called where
   * the address is durable, with what an answer has to wait for.
   */
  set(write: ParamWrite, stored?: (kept: Promise<void>) => void): Param | Refusal;
  /** `payload` is the message as it came, where it did. */
  publish(message: PublishMessage, origin: PublishOrigin, payload?: Uint8Array): void;
  /** Whether it is worth nothing when it is late. */
  isFleeting(message: PublishMessage): boolean;
  /** Other routers may have gone: what their sessions left unfinished is ended for those here. */
  lost(isGone: (router: string) => boolean): void;
  /** Puts back what was stored; tells nobody. False where its time is over. */
  restore(stored: StoredParam): boolean;
  /** From now on no address gets a revision that is not above it. */
  revisionsAbove(floor: number): void;
  /** Its owner has it still: its time begins anew, though nobody has used it here. */
  prolong(address: string): void;
  /** It stands here no more; the protocol has no word for it, so nobody is told. */
  remove(address: string): void;
  /** Told of everything that is taken, until the function that it gives is called. */
  listen(listener: SignalListener): () => void;
  /** What guards have against a write that another router asks for. */
  refusal(verb: 'SET' | 'PUBLISH', address: string): Refusal | undefined;
  /** Asked before anything of a session is taken, until the function that it gives is called. */
  guard(guard: WriteGuard): () => void;
  /** Ends all sessions and forgets the state. */
  stop(): void;
}

const allFeatures: readonly Feature[] = ['param', 'event', 'stream', 'gesture', 'timeline'];

export function createRouter(needs: RouterNeeds): Router {
  const core = createCore(needs);
  const fanout = createFanout(core);
  const watching = createWatching(core);
  const peers = needs.peers?.({ core, watching });
  const gestures = createGestures(core);
  const publishing = createPublishing({ core, fanout, gestures });
  const writing = createWriting({ core, fanout });
  const rooms: Rooms = {
    core,
    watching,
    gestures,
    publishing,
    writing,
    peers,
    announcing: createAnnouncing(core),
    bundles: createBundles({ core, writing, publishing }),
    replaying: createReplaying(core),
  };
  const greeting = createGreeting({
    core,
    doorkeeper: needs.doorkeeper ?? openDoor,
    ...createDesk(rooms),
  });
  return {
    accept: (line) => greeting.accept(line),
    acceptAs: (line, access) => greeting.accept(line, access),
    sessions: core.sessions,
    figures: core.figures,
    get paramCount() {
      return core.params.size;
    },
    get timerCount() {
      return core.timers.size;
    },
    get: (address) => core.params.get(address),
    params: () => core.params.all(),
    set: localSetting(core, writing),
    publish: localPublishing(core, { fanout, gestures }),
    isFleeting: (message) => isFleeting(core, message),
    lost: (isGone) => gestures.lost(isGone),
    restore: (stored) => core.params.restore(stored),
    revisionsAbove: (floor) => core.params.revisionsAbove(floor),
    prolong: (address) => core.params.prolong(address),
    remove: (address) => core.params.remove(address),
    listen(listener) {
      core.listeners.add(listener);
      return () => void core.listeners.delete(listener);
    },
    refusal: (verb, address) => guarded(core, undefined, verb, address),
    guard(guard) {
      core.guards.add(guard);
      return () => void core.guards.delete(guard);
    },
    stop() {
      greeting.stop('the router stops');
      core.timers.stop();
    },
  };
}

function localSetting(core: Core, writing: Writing): Router['set'] {
  return (write, stored) => {
    const outcome = core.params.write(write);
    if (!isRefusal(outcome)) {
      writing.taken(outcome, write);
      const kept = core.keeper?.kept(outcome);
      kept?.catch(() => undefined); // the keeper has told of it, once for all that failed with it
      if (kept !== undefined) {
        stored?.(kept);
      }
    }
    return outcome;
  };
}

function localPublishing(
  core: Core,
  { fanout, gestures }: { readonly fanout: Fanout; readonly gestures: Gestures },
): Router['publish'] {
  return (message, origin, payload) => {
    core.figures.publishes += 1;
    // What comes back from another router must not be told to the session that published it.
    const except = core.sessions.get(origin.writer);
    const frame =
      payload === undefined ? encodeFrame(message) : frameAround(payload, { qos: qosOf(message) });
    const { router: from, writer } = origin;
    // What was ended here nobody else has judged, or told of.
    const ended = { ...origin, link: undefined };
    const forward: Forward = (told, bytes, isOurs = false) =>
      fanout.publish(told, { frame: bytes, origin: isOurs ? ended : origin, except });
    if (message.signal === 'gesture' && from !== undefined) {
      gestures.publish({ from, writer }, message, { frame, forward });
    } else {
      forward(message, frame);
    }
  };
}

function createCore({ clock, random, log, journal, keeper, options = {} }: RouterNeeds): Core {
  const timers = createTimers({ clock, log });
  const ruleOf = options.ruleOf ?? createRuleBook(options.rules ?? []);
  const ttlSeconds = options.paramTtlSeconds ?? routerDefaults.paramTtlSeconds;
  const params = createParams({
    clock,
    timers,
    paramsMax: options.paramsMax ?? routerDefaults.paramsMax,
    paramBytesMax: options.paramBytesMax ?? routerDefaults.paramBytesMax,
    atCapacity: options.atCapacity ?? 'refuse',
    ttlSecondsOf: (address) => ttlSecondsOf(ruleOf(address), ttlSeconds),
    strategyOf: (address) => ruleOf(address)?.strategy ?? 'lww',
    removed: ({ address }) => keeper?.removed(address),
  });
  return {
    clock,
    random,
    log,
    timers,
    params,
    journal,
    keeper,
    settings: settingsOf(options),
    routes: createRoutes(createPatternIndex()),
    sessions: new Map(),
    listeners: new Set(),
    guards: new Set(),
    figures: { received: 0, undecodable: 0, sets: 0, publishes: 0, refused: 0, rateLimited: 0 },
    eventPolicyOf: (address) => ruleOf(address)?.events ?? 'keep',
    nowUs: () => Math.floor(clock.now() * 1_000),
  };
}

function settingsOf(options: RouterOptions): Settings {
  return {
    name: options.name ?? 'Hansa',
    features: options.features ?? allFeatures,
    types: carriedTypes(options.features ?? allFeatures),
    sessionsMax: options.sessionsMax ?? routerDefaults.sessionsMax,
    messagesPerSecondMax: options.messagesPerSecondMax ?? routerDefaults.messagesPerSecondMax,
    sessionIdleMs: options.sessionIdleMs ?? routerDefaults.sessionIdleMs,
    lineBytesMax: options.lineBytesMax ?? routerDefaults.lineBytesMax,
  };
}
