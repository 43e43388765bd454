// Beats: what each side tells the other every two seconds, and what is concluded from it. One pulse
// per linked peer lives as long as the process; its evidence feeds `judgeLink`.
import {
  equalBytes,
  isHansaError,
  remote,
  toHex,
  type Clock,
  type ClusterId,
  type Log,
  type Random,
} from '@hansa/foundation';
import type { ProgressSource } from './contract.ts';
import { abandonedAfterMs, beatIntervalMs, type LinkEvidence } from './link-state.ts';
import type { PeerSession } from './sessions.ts';
import { linkPeerContract, type Beat } from './wire.ts';

const noncesMax = 384; // an early beat every 50 ms, until the connection is abandoned
const progressBeatDelayMs = 50; // many applied changes in a row are told in one extra beat

export type Phase = LinkEvidence['phase'];

export interface Pulse {
  phase: Phase;
  evidence(): Omit<LinkEvidence, 'confirmed'>;
  /** The peer's beat, as it came. */
  received(beat: Beat, signal: AbortSignal): void;
  /** Tell the peer soon: something was applied here. */
  hurry(): void;
  /** Sends beats over the session until it ends; abandons it after 15 s of silence. */
  run(session: PeerSession, epoch: number): Promise<void>;
}

export interface PulseNeeds {
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly peer: ClusterId;
  readonly progress: () => ProgressSource;
  /** Called after every beat in either direction. */
  readonly changed: () => void;
}

interface SentNonce {
  readonly nonce: Uint8Array;
  readonly sentMs: number;
}

interface PulseState {
  session: PeerSession | undefined;
  connectedMs: number;
  lastBeatMs: number | undefined;
  lastProgressMs: number;
  missingSinceMs: number | undefined;
  missingHere: number;
  missingThere: number;
  diverged: number;
  lastRoots: string;
  counter: number;
  ourNonces: SentNonce[];
  theirNonce: Uint8Array;
  judging: boolean;
  wake: AbortController;
}

export function createPulse(needs: PulseNeeds): Pulse {
  const { clock } = needs;
  const state = freshState(clock.monotonicMs());
  const pulse: Pulse = {
    phase: 'none',
    evidence: () => ({
      nowMs: clock.monotonicMs(),
      phase: pulse.phase,
      connectedMs: state.connectedMs,
      lastBeatMs: state.lastBeatMs,
      lastProgressMs: state.lastProgressMs,
      missingSinceMs: state.missingSinceMs,
      missing: state.missingHere + state.missingThere,
      diverged: state.diverged,
    }),
    received(beat, signal) {
      const echoed = state.ourNonces.find(({ nonce }) => equalBytes(nonce, beat.yours));
      if (echoed === undefined) {
        return; // an old beat replayed or delayed proves nothing about now
      }
      // What an echo proves is that our side got through when the echoed beat was sent: a link that
      // is cut in our direction alone must not live on by the other side's beats.
      const provenMs = Math.min(clock.monotonicMs(), echoed.sentMs + beatIntervalMs);
      state.lastBeatMs = Math.max(state.lastBeatMs ?? 0, provenMs);
      state.theirNonce = beat.mine;
      noteProgress(needs, state, beat.root);
      void judge(needs, state, { beat, signal }).catch((error: unknown) => {
        // The peer moved on meanwhile, or went away: its next beat is judged.
        if (!isHansaError(error, 'CONFLICT') && !isHansaError(error, 'CONNECTION_CLOSED')) {
          needs.log.problem('link.judgement-failed', error, { peer: needs.peer });
        }
      });
      needs.changed();
    },
    hurry: () => state.wake.abort(),
    async run(session, epoch) {
      Object.assign(state, freshState(clock.monotonicMs()));
      state.session = session;
      state.ourNonces = [{ nonce: session.nonce, sentMs: clock.monotonicMs() }];
      state.theirNonce = session.hello.nonce;
      pulse.phase = 'connected';
      const ended = new AbortController();
      void session.closed.then(() => ended.abort());
      while (!ended.signal.aborted && state.session === session) {
        if (clock.monotonicMs() - (state.lastBeatMs ?? state.connectedMs) >= abandonedAfterMs) {
          session.close('no beat for 15 s');
          break;
        }
        void send(needs, state, { session, epoch }).catch(() => undefined);
        needs.changed();
        await rest(clock, state, ended.signal);
      }
      if (state.session === session) {
        pulse.phase = 'none';
        needs.changed();
      }
    },
  };
  return pulse;
}

function freshState(nowMs: number): PulseState {
  return {
    session: undefined,
    connectedMs: nowMs,
    lastBeatMs: undefined,
    lastProgressMs: nowMs,
    missingSinceMs: undefined,
    missingHere: 0,
    missingThere: 0,
    diverged: 0,
    lastRoots: '',
    counter: 0,
    ourNonces: [],
    theirNonce: new Uint8Array(32),
    judging: false,
    wake: new AbortController(),
  };
}

/** Sleeps one interval, or less where somebody hurries. */
async function rest(clock: Clock, state: PulseState, ended: AbortSignal): Promise<void> {
  const signal = AbortSignal.any([ended, state.wake.signal]);
  await clock.sleep(beatIntervalMs, signal).catch(() => undefined);
  if (state.wake.signal.aborted) {
    await clock.sleep(progressBeatDelayMs, ended).catch(() => undefined);
    state.wake = new AbortController();
  }
}

async function send(
  needs: PulseNeeds,
  state: PulseState,
  to: { readonly session: PeerSession; readonly epoch: number },
): Promise<void> {
  const { root, missing } = needs.progress().held(needs.peer);
  state.missingHere = missing;
  noteMissing(needs, state);
  const mine = needs.random.bytes(32);
  const sentMs = needs.clock.monotonicMs();
  const fresh = state.ourNonces.filter((sent) => sentMs - sent.sentMs < abandonedAfterMs);
  state.ourNonces = [{ nonce: mine, sentMs }, ...fresh].slice(0, noncesMax);
  state.counter += 1;
  await remote(linkPeerContract, to.session.carrier).beat({
    epoch: to.epoch,
    counter: state.counter,
    yours: state.theirNonce,
    mine,
    root,
    missing,
  });
  // The answer proves both directions as well, and sooner than the next beat's echo: a busy machine
  // has the whole of the silence allowed before a healthy link looks stalled.
  if (state.session === to.session && state.lastBeatMs !== undefined) {
    state.lastBeatMs = Math.max(state.lastBeatMs, sentMs);
  }
}

async function judge(
  needs: PulseNeeds,
  state: PulseState,
  said: { readonly beat: Beat; readonly signal: AbortSignal },
): Promise<void> {
  if (state.judging) {
    return; // the next beat brings fresher facts than a queue of old ones
  }
  state.judging = true;
  try {
    const { behind, diverged } = await needs.progress().judge(needs.peer, said.beat, said.signal);
    state.missingThere = Math.max(behind, said.beat.missing);
    state.diverged = diverged;
    noteMissing(needs, state);
  } finally {
    state.judging = false;
  }
  needs.changed();
}

function noteProgress(needs: PulseNeeds, state: PulseState, theirRoot: Uint8Array): void {
  const roots = `${toHex(theirRoot)} ${toHex(needs.progress().held(needs.peer).root)}`;
  if (roots !== state.lastRoots) {
    state.lastRoots = roots;
    state.lastProgressMs = needs.clock.monotonicMs();
  }
}

function noteMissing(needs: PulseNeeds, state: PulseState): void {
  if (state.missingHere + state.missingThere === 0) {
    state.missingSinceMs = undefined;
  } else {
    state.missingSinceMs ??= needs.clock.monotonicMs();
  }
}
