// Copies as people see them: whose, in what state, and since when nothing was heard.
import {
  HansaError,
  splitFederatedId,
  type Clock,
  type ClusterId,
  type FederatedId,
} from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import type { CopyName, Holding, HoldingState } from './contract.ts';
import type { Holders } from './holders.ts';
import type { KeptRows } from './kept-rows.ts';
import type { HolderRecord, WithdrawalRecord } from './keys.ts';

const receiptLateMs = 60_000; // a purge of gigabytes takes a while; later is silence

export interface ShownNeeds {
  readonly clock: Clock;
  readonly peers: Peers;
  readonly holders: Holders;
  readonly held: KeptRows<HolderRecord>;
  readonly withdrawals: KeptRows<WithdrawalRecord>;
}

/** What was withdrawn, and with `all` what is held beside; by peer, then by resource. */
export function holdingsOf(needs: ShownNeeds, all: boolean): readonly Holding[] {
  const withdrawn = needs.withdrawals.all().map((row) => shownWithdrawal(needs, row));
  const held = all
    ? needs.held
        .all()
        .filter(({ peer, resource }) => needs.withdrawals.find(peer, resource) === undefined)
        .map((row) => shownHolder(needs, row))
    : [];
  return [...withdrawn, ...held].toSorted(
    (a, b) => a.peerName.localeCompare(b.peerName) || (a.resource < b.resource ? -1 : 1),
  );
}

/** By names as people spell them; undefined where the peer holds no such copy. */
export function holdingCalled(needs: ShownNeeds, copy: CopyName): Holding | undefined {
  const { cluster } = needs.peers.resolve(copy.peer);
  const found = holdingsOf(needs, true).filter(
    ({ peer, id }) => peer === cluster && isCalled(id, copy.resource),
  );
  return found.find(({ id }) => id === copy.resource) ?? only(found);
}

export function requireHolding(needs: ShownNeeds, copy: CopyName): Holding {
  const found = holdingCalled(needs, copy);
  if (found === undefined) {
    throw new HansaError('RECEIPT_NOT_FOUND', `${copy.peer} holds no one copy of ${copy.resource}`);
  }
  return found;
}

/** `<kind>/<name>`, or the name alone. */
export function isCalled(id: string, spelled: string): boolean {
  return id === spelled || id.slice(id.indexOf('/') + 1) === spelled;
}

function only(found: readonly Holding[]): Holding | undefined {
  return found.length === 1 ? found[0] : undefined;
}

function named(
  { peers }: ShownNeeds,
  { peer, resource }: { readonly peer: ClusterId; readonly resource: FederatedId },
): Pick<Holding, 'peer' | 'peerName' | 'resource' | 'id'> {
  const peerName = peers.standing(peer).name ?? peer.slice(0, 8);
  return { peer, peerName, resource, id: splitFederatedId(resource).local };
}

function shownHolder(needs: ShownNeeds, row: HolderRecord): Holding {
  const { epoch, sequence } = needs.holders.position(row.peer, row.resource) ?? {};
  return { ...named(needs, row), state: 'holds', epoch, sequence };
}

function shownWithdrawal(needs: ShownNeeds, row: WithdrawalRecord): Holding {
  const { openedMs, purgeAtMs, receipt, problem } = row;
  const state = stateOf(needs, row);
  const { epoch, sequence } = receipt ?? row;
  const silentSinceMs = state === 'untold' ? openedMs : state === 'silent' ? purgeAtMs : undefined;
  return {
    ...named(needs, row),
    state,
    epoch,
    sequence,
    withdrawnMs: openedMs,
    purgeAtMs: state === 'retained' ? undefined : purgeAtMs,
    silentSinceMs,
    receipt,
    problem,
  };
}

function stateOf({ clock }: ShownNeeds, row: WithdrawalRecord): HoldingState {
  const { restoring, receipt, purgeAtMs } = row;
  if (restoring === true) {
    return 'restoring';
  }
  if (receipt !== undefined) {
    return receipt.outcome;
  }
  if (purgeAtMs === undefined) {
    return 'untold';
  }
  return clock.now() > purgeAtMs + receiptLateMs ? 'silent' : 'frozen';
}
