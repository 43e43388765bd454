// A link's status from proof of progress: a pure function of what beats have shown. A connected
// socket is never evidence of anything here.
import type { LinkStatus } from './contract.ts';

export const beatIntervalMs = 2_000; // the design's beat
export const stalledAfterMs = 6_000; // three beats: a link that missed three is not working
export const abandonedAfterMs = 15_000; // by then a fresh dial is the faster way back
export const quietAfterMs = 10_000; // without change for this long, `live` is called `idle`

/** What is known of one link now. Times are monotonic milliseconds. */
export interface LinkEvidence {
  readonly nowMs: number;
  readonly confirmed: boolean;
  readonly phase: 'none' | 'connecting' | 'handshaking' | 'connected';
  readonly connectedMs: number;
  /** Of the peer's last beat that answered one of ours; undefined before the first. */
  readonly lastBeatMs: number | undefined;
  /** When anything last moved: a head, an applied position. */
  readonly lastProgressMs: number;
  /** When something was last found missing without interruption; undefined while nothing is. */
  readonly missingSinceMs: number | undefined;
  readonly missing: number;
  readonly diverged: number;
}

export interface LinkJudgement {
  readonly status: LinkStatus;
  readonly reason?: string;
}

export function judgeLink(evidence: LinkEvidence): LinkJudgement {
  if (!evidence.confirmed) {
    return { status: 'pending', reason: 'the check words are not confirmed on both sides' };
  }
  if (evidence.phase !== 'connected') {
    return judgeUnconnected(evidence.phase);
  }
  return evidence.lastBeatMs === undefined
    ? judgeUnbeaten(evidence)
    : judgeBeaten(evidence, evidence.lastBeatMs);
}

function judgeUnconnected(phase: 'none' | 'connecting' | 'handshaking'): LinkJudgement {
  return phase === 'none'
    ? { status: 'disconnected', reason: 'no connection; dialling again by and by' }
    : { status: phase };
}

function judgeUnbeaten({ nowMs, connectedMs }: LinkEvidence): LinkJudgement {
  return nowMs - connectedMs < stalledAfterMs
    ? { status: 'syncing' }
    : { status: 'blind', reason: 'connected, but no beat ever came' };
}

function judgeBeaten(evidence: LinkEvidence, lastBeatMs: number): LinkJudgement {
  const { nowMs, lastProgressMs, missing, missingSinceMs, diverged } = evidence;
  const silentMs = nowMs - lastBeatMs;
  if (diverged > 0) {
    const reason = `${diverged} resource(s) differ at the same position`;
    return { status: 'diverged', reason };
  }
  if (silentMs >= stalledAfterMs) {
    return { status: 'stalled', reason: `no beat for ${Math.floor(silentMs / 1_000)} s` };
  }
  const stuckMs = nowMs - Math.max(missingSinceMs ?? nowMs, lastProgressMs);
  if (missing > 0 && stuckMs >= stalledAfterMs) {
    const reason = `${missing} resource(s) behind without progress`;
    return { status: 'stalled', reason };
  }
  const quiet = missing === 0 && nowMs - lastProgressMs >= quietAfterMs;
  return { status: quiet ? 'idle' : 'live' };
}
