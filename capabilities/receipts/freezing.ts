// The mirror's side: what its owner withdraws is frozen, deleted when its time has come, and
// answered for with a signed word. Who merely is away has withdrawn nothing.
import {
  callingCluster,
  HansaError,
  splitFederatedId,
  toHex,
  type Call,
  type Clock,
  type ClusterId,
  type FederatedId,
  type Log,
} from '@hansa/foundation';
import type { Signer } from '../identity/contract.ts';
import type { Peers } from '../links/contract.ts';
import { syncIntervalMs, type MirrorPause, type Mirrors } from '../sync/contract.ts';
import { sharedAgain, type AskingNeeds } from './asking.ts';
import type { Bell } from './bell.ts';
import { onConnected } from './connecting.ts';
import type { KeptRows } from './kept-rows.ts';
import type { FrozenRecord } from './keys.ts';
import { nothingHeld, signReceipt, type LastHead, type Receipt } from './receipt.ts';
import type { ReceiptsPeer, WithdrawalAnswer, WithdrawnCopy } from './wire.ts';

export const receiptsKeptMs: number = 30 * 24 * 3_600_000; // an owner that was away for a month
export const receiptsKeptMax = 10_000; // as many as there may be mirrors; the oldest go first
const roundMs = 3_600_000; // a wall clock that was set is noticed within an hour
const againMs = 30_000; // a purge that failed, or a receipt that could not be signed
// after a start links come up one after the other; who is not there by then is away
const linkGraceMs = 60_000;

export interface FreezingNeeds extends AskingNeeds {
  readonly clock: Clock;
  readonly log: Log;
  readonly signer: Signer;
  readonly peers: Peers;
  readonly mirrors: Mirrors;
  readonly frozen: KeptRows<FrozenRecord>;
  readonly bell: Bell;
}

export interface Freezing {
  readonly peer: ReceiptsPeer;
  pause(resource: FederatedId): MirrorPause | undefined;
  retain(resource: FederatedId, reason: string): Promise<Receipt>;
  /** Deletes what is due, for as long as the signal lets it. */
  run(signal: AbortSignal): Promise<void>;
}

export function createFreezing(needs: FreezingNeeds): Freezing {
  return {
    pause: (resource) => pauseOf(needs, resource),
    retain: (resource, reason) => retain(needs, resource, reason),
    peer: {
      async withdraw({ withdrawn }, call) {
        requireOwner(needs, withdrawn, call);
        const answers: WithdrawalAnswer[] = [];
        for (const copy of withdrawn) {
          answers.push(await withdraw(needs, copy));
        }
        return { answers };
      },
      async restore({ resources }, call) {
        const restored = resources.map((resource) => ({ resource }));
        requireOwner(needs, restored, call);
        let thawed = 0;
        for (const resource of resources) {
          thawed += (await thaw(needs, needs.frozen.find(resource))) ? 1 : 0;
        }
        return { thawed };
      },
    },
    run: (signal) => keepPurging(needs, signal),
  };
}

/** When owners are asked next, and since when we have been here, both by the monotonic clock. */
interface Rounds {
  askAtMs: number;
  readonly begunMs: number;
}

async function keepPurging(needs: FreezingNeeds, signal: AbortSignal): Promise<void> {
  const { clock, bell } = needs;
  const begunMs = clock.monotonicMs();
  const rounds: Rounds = { askAtMs: begunMs, begunMs };
  const stops = listen(needs, () => {
    rounds.askAtMs = clock.monotonicMs();
    bell.ring();
  });
  while (!signal.aborted) {
    const failed = await round(needs, rounds, signal).then(
      () => false,
      (error: unknown) => {
        needs.log.problem('receipts.unpurged', error);
        return true;
      },
    );
    await bell.wait(failed ? againMs : untilNext(needs, rounds), signal);
  }
  stops.forEach((stop) => stop());
}

/** What is looked at again here, or whose owner has come, is asked for at once. */
function listen(needs: FreezingNeeds, ask: () => void): readonly (() => void)[] {
  const { frozen, mirrors, bell, peers } = needs;
  return [
    frozen.watched.subscribe((key) => {
      bell.ring();
      // Another node of ours may have been told.
      const resources = key ?? frozen.all().map(({ resource }) => resource);
      resources.forEach((resource) => mirrors.wake(resource as FederatedId));
    }),
    mirrors.subscribe((resource) => {
      const row = frozen.find(resource);
      if (row !== undefined && isFrozen(row)) {
        ask();
      }
    }),
    onConnected(peers, ask),
  ];
}

/** Nothing is deleted before its owner was asked once more, where it can be. */
async function round(needs: FreezingNeeds, rounds: Rounds, signal: AbortSignal): Promise<void> {
  const { clock, frozen } = needs;
  const isRound = rounds.askAtMs <= clock.monotonicMs();
  if (isRound) {
    rounds.askAtMs = clock.monotonicMs() + syncIntervalMs;
  }
  const asked = frozen.all().filter((row) => isFrozen(row) && (isRound || isDue(needs, row)));
  for (const row of await sharedAgain(needs, asked, signal)) {
    await thaw(needs, row);
  }
  // At the end of the process, no answer came: that is no reason to delete.
  if (!signal.aborted) {
    await purgeDue(needs, rounds);
  }
}

/** Neither deleted nor about to be. */
function isFrozen({ receipt, last }: FrozenRecord): boolean {
  return receipt?.outcome !== 'purged' && last === undefined;
}

/**
 * Whoever calls is proven by the channel; it may speak of what it owns, over a link that stands.
 */
function requireOwner(
  { peers }: FreezingNeeds,
  copies: readonly { readonly resource: FederatedId }[],
  call: Call | undefined,
): void {
  const caller: ClusterId = callingCluster(call);
  if (peers.standing(caller).name === undefined) {
    throw new HansaError('LINK_NOT_FOUND', 'this cluster has no link with you');
  }
  const foreign = copies.find(({ resource }) => splitFederatedId(resource).owner !== caller);
  if (foreign !== undefined) {
    throw new HansaError('INPUT_INVALID', `${foreign.resource} is not yours to withdraw`);
  }
}

async function withdraw(needs: FreezingNeeds, copy: WithdrawnCopy): Promise<WithdrawalAnswer> {
  const { frozen, mirrors, clock, signer, log } = needs;
  const { resource, withdrawal } = copy;
  const before = frozen.find(resource);
  const isHeld = mirrors.find(resource) !== undefined;
  if (!isHeld && before?.withdrawal !== withdrawal) {
    const said = { ...nothingHeld, resource, withdrawal, outcome: 'purged' as const };
    const receipt = signReceipt(signer, { ...said, reason: '', atMs: clock.now() });
    return { state: 'purged', receipt };
  }
  const nowMs = clock.now();
  const dueMs = nowMs + copy.purgeAfterMs;
  await frozen.change([resource], (now) => {
    if (now?.withdrawal !== withdrawal) {
      const retained = now?.receipt?.outcome === 'purged' ? undefined : now?.retained;
      return { resource, withdrawal, heardMs: nowMs, purgeAtMs: dueMs, retained };
    }
    return dueMs < now.purgeAtMs ? { ...now, purgeAtMs: dueMs } : now;
  });
  if (before?.withdrawal !== withdrawal) {
    log.event('receipts.frozen', { resource, purgeAtMs: dueMs });
  }
  if (!isHeld) {
    needs.bell.ring(); // somebody here has removed it: that is a purge, too
  }
  const row = await withReceipt(needs, resource);
  return row?.receipt === undefined
    ? { state: 'frozen', purgeInMs: Math.max(0, (row?.purgeAtMs ?? dueMs) - clock.now()) }
    : { state: row.receipt.outcome, receipt: row.receipt };
}

/** What a person keeps is said under the owner's present name for it. */
async function withReceipt(
  needs: FreezingNeeds,
  resource: FederatedId,
): Promise<FrozenRecord | undefined> {
  const row = needs.frozen.find(resource);
  if (row?.retained !== undefined && row.receipt === undefined) {
    await sign(needs, row, 'retained');
  }
  return needs.frozen.find(resource);
}

/** Withdrawn anew since the row was read, it stays. */
async function thaw(
  { frozen, log }: FreezingNeeds,
  row: FrozenRecord | undefined,
): Promise<boolean> {
  // Already being deleted: then it is purged, and may be mirrored anew.
  if (row === undefined || !isFrozen(row)) {
    return false;
  }
  const { resource, withdrawal } = row;
  await frozen.change([resource], (now) =>
    now?.last === undefined && now?.withdrawal === withdrawal ? undefined : now,
  );
  log.event('receipts.thawed', { resource });
  return true;
}

function pauseOf({ frozen }: FreezingNeeds, resource: FederatedId): MirrorPause | undefined {
  const row = frozen.find(resource);
  if (row === undefined || row.receipt?.outcome === 'purged') {
    return undefined; // a mirror that was made since is another one
  }
  const { heardMs: sinceMs, purgeAtMs, retained } = row;
  const kept = retained !== undefined;
  const fix = kept ? 'hansa mirror remove deletes it' : undefined;
  const error = new HansaError(
    'MIRROR_FROZEN',
    `the owner of ${resource} does not share it any more${kept ? '; it is retained here' : ''}`,
    fix === undefined ? {} : { fix },
  );
  const frozenView = kept ? { sinceMs, retained } : { sinceMs, purgeAtMs };
  return { state: 'frozen', error, frozen: frozenView };
}

async function retain(
  needs: FreezingNeeds,
  resource: FederatedId,
  reason: string,
): Promise<Receipt> {
  const { frozen, log } = needs;
  await frozen.change([resource], (now) => {
    if (now === undefined || now.last !== undefined || now.receipt?.outcome === 'purged') {
      throw new HansaError('MIRROR_NOT_FROZEN', `${resource} is not withdrawn by its owner`);
    }
    return { ...now, retained: reason, receipt: undefined };
  });
  log.event('receipts.retained', { resource });
  const receipt = (await withReceipt(needs, resource))?.receipt;
  if (receipt === undefined) {
    throw new HansaError('CONFLICT', `${resource} changed at the same moment`);
  }
  return receipt;
}

function headOf({ mirrors }: FreezingNeeds, resource: FederatedId): LastHead {
  const head = mirrors.head(resource);
  return head === undefined
    ? nothingHeld
    : {
        epoch: head.epoch,
        sequence: head.sequence,
        chain: toHex(head.chain),
        digest: toHex(head.digest),
      };
}

/** Signed before it is written: a receipt that is shown once is the same for ever. */
async function sign(
  needs: FreezingNeeds,
  row: FrozenRecord,
  outcome: Receipt['outcome'],
): Promise<void> {
  const { frozen, signer, clock } = needs;
  const { resource, withdrawal } = row;
  const { epoch, sequence, chain, digest } = row.last ?? headOf(needs, resource);
  const receipt = signReceipt(signer, {
    resource,
    withdrawal,
    epoch,
    sequence,
    chain,
    digest,
    outcome,
    reason: outcome === 'retained' ? (row.retained ?? '') : '',
    atMs: clock.now(),
  });
  await frozen.change([resource], (now) =>
    now?.withdrawal === withdrawal ? { ...now, receipt } : now,
  );
}

/** A retained one that a person has removed since is gone all the same. */
function isDue({ clock, mirrors }: FreezingNeeds, row: FrozenRecord): boolean {
  if (row.receipt?.outcome === 'purged') {
    return false;
  }
  const isRemoved = mirrors.find(row.resource) === undefined;
  return isRemoved || (row.retained === undefined && row.purgeAtMs <= clock.now());
}

/** For a while after a start, an owner that is not connected may yet come and say otherwise. */
function graceLeftMs(needs: FreezingNeeds, rounds: Rounds, row: FrozenRecord): number {
  const { clock, peers, mirrors } = needs;
  const { owner } = splitFederatedId(row.resource);
  const isOver =
    peers.connected(owner) || !isFrozen(row) || mirrors.find(row.resource) === undefined;
  return isOver ? 0 : Math.max(0, rounds.begunMs + linkGraceMs - clock.monotonicMs());
}

async function purgeDue(needs: FreezingNeeds, rounds: Rounds): Promise<void> {
  const { frozen, mirrors, log } = needs;
  const due = frozen
    .all()
    .filter((row) => isDue(needs, row) && graceLeftMs(needs, rounds, row) === 0);
  for (const { resource } of due) {
    const last = headOf(needs, resource);
    // Shared again or retained in this very moment, it is not due any more.
    await frozen.change([resource], (now) =>
      now === undefined || now.last !== undefined || !isDue(needs, now) ? now : { ...now, last },
    );
  }
  const marked = due.flatMap(({ resource }) => frozen.find(resource) ?? []);
  const doomed = marked.filter(({ last }) => last !== undefined);
  if (doomed.length > 0) {
    await mirrors.purge(doomed.map(({ resource }) => resource));
  }
  for (const row of doomed) {
    await sign(needs, row, 'purged');
    log.event('receipts.purged', { resource: row.resource });
  }
  await forgetOld(needs);
}

async function forgetOld({ frozen, clock }: FreezingNeeds): Promise<void> {
  const done = frozen
    .all()
    .filter(({ receipt }) => receipt?.outcome === 'purged')
    .toSorted((a, b) => (b.receipt?.atMs ?? 0) - (a.receipt?.atMs ?? 0));
  for (const [index, { resource, receipt }] of done.entries()) {
    if (index >= receiptsKeptMax || (receipt?.atMs ?? 0) + receiptsKeptMs < clock.now()) {
      await frozen.change([resource], () => undefined);
    }
  }
}

function untilNext(needs: FreezingNeeds, rounds: Rounds): number {
  const { frozen, clock } = needs;
  const rows = frozen.all();
  const waits = rows
    .filter(({ receipt, retained }) => receipt === undefined && retained === undefined)
    .map((row) => Math.max(row.purgeAtMs - clock.now(), graceLeftMs(needs, rounds, row)));
  const askMs = rows.some(isFrozen) ? [rounds.askAtMs - clock.monotonicMs()] : [];
  return [...waits, ...askMs].reduce((soonest, ms) => Math.min(soonest, Math.max(0, ms)), roundMs);
}
