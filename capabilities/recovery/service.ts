// Recovery put together: what was found, what stops because of it, and the ways on.
import {
  HansaError,
  reportOf,
  splitFederatedId,
  watchedTable,
  type ClusterId,
  type Codec,
  type ErrorReport,
  type LocalId,
} from '@hansa/foundation';
import type { Enforcement } from '../policies/contract.ts';
import type { HeldPosition } from '../sync/contract.ts';
import { createBeginningAnew } from './beginning-anew.ts';
import type { AwaitedPeers, HeldCopies, Recovery, Rewound } from './contract.ts';
import { createHeldCopies } from './held-copies.ts';
import { createFinding, rewoundError } from './finding.ts';
import { rewoundTable } from './keys.ts';
import { createRecoveryPeer } from './peer-service.ts';
import {
  adoptHeld,
  beginEpoch,
  planRecovery,
  type Case,
  type RecoveringNeeds,
} from './recovering.ts';
import { planReturn } from './returning.ts';
import type { RecoveryPeer } from './wire.ts';

export interface RecoveryNeeds extends Omit<RecoveringNeeds, 'table' | 'rewound'> {
  readonly codec: Codec;
  readonly enforcement: Enforcement;
}

export interface RecoveryService {
  readonly recovery: Recovery;
  readonly peer: RecoveryPeer;
  readonly copies: HeldCopies;
  /** After a restored backup: ends when the cluster has begun anew. */
  beginAnew(signal: AbortSignal): Promise<void>;
  /** For the status: every resource that publishes nothing. */
  warnings(): readonly ErrorReport[];
  start(signal: AbortSignal): Promise<void>;
}

export function createRecovery(given: RecoveryNeeds): RecoveryService {
  const table = rewoundTable(given.store, given.codec);
  const rewound = watchedTable(given.store, table);
  const base: RecoveringNeeds = { ...given, table, rewound };
  const anew = createBeginningAnew({ ...base, codec: given.codec }, () => finding);
  const needs: RecoveringNeeds = { ...base, onLooked: () => anew.look() };
  const finding = createFinding(needs);
  const held = new Map<ClusterId, readonly HeldPosition[]>();
  given.mirrors.onHeld((peer, rows) => {
    held.set(peer, rows);
    finding.heard(peer, rows);
  });
  given.resources.guard((id, act) => {
    const record = rewound.find(id)?.value;
    return record === undefined ? anew.refusal(id, act) : rewoundError(id, record);
  });
  const returning = { ...needs, heldBy: (peer: ClusterId) => held.get(peer) ?? [] };
  return {
    peer: createRecoveryPeer(given),
    copies: createHeldCopies({ ...given, held }),
    beginAnew: (signal) => anew.run(signal),
    warnings: () => [
      ...awaitedWarnings(anew.awaited()),
      ...allCases(needs).map(({ id, record }) => reportOf(rewoundError(id, record))),
    ],
    recovery: {
      async list() {
        const rewoundNow = allCases(needs).map((one) => shown(needs, one));
        const awaited = anew.awaited();
        return { rewound: rewoundNow, ...(awaited === undefined ? {} : { awaited }) };
      },
      async goOn() {
        const awaited = anew.awaited();
        if (awaited === undefined) {
          throw new HansaError('RECOVERY_NOT_FOUND', 'nothing waits: no backup was restored here');
        }
        anew.goOn();
        return awaited;
      },
      plan: async ({ id, way }) => planRecovery(needs, caseOf(needs, id), way),
      begin: async ({ id }) => logged(needs, await beginEpoch(needs, caseOf(needs, id))),
      async adopt({ id }, call) {
        const signal = call?.signal ?? new AbortController().signal;
        return logged(needs, await adoptHeld(needs, caseOf(needs, id), signal));
      },
      returning: ({ peer }, call) => planReturn(returning, peer, call?.signal),
    },
    async start(signal) {
      await rewound.start(signal, given.clock);
      await anew.start(signal);
      await endFinished(needs);
    },
  };
}

function awaitedWarnings(awaited: AwaitedPeers | undefined): readonly ErrorReport[] {
  if (awaited === undefined) {
    return [];
  }
  const names = awaited.peers.join(', ') || 'nobody any more';
  const sentence = `a backup was restored: nothing is signed before these have spoken: ${names}`;
  const fix = 'hansa recover list';
  return [reportOf(new HansaError('RESOURCE_REWOUND', sentence, { fix }))];
}

/** What a crash kept from being forgotten: its epoch has begun. */
async function endFinished({ store, table, rewound, resources }: RecoveringNeeds): Promise<void> {
  for (const { key, value } of rewound.rows.values()) {
    const { local } = splitFederatedId(value.head.resource);
    const begun = resources.find(local) !== undefined;
    const last = resources.lastEpoch(local) ?? 0;
    if (begun ? last > value.head.epoch : last >= value.head.epoch) {
      const { revision } = await store.delete(table.key(...key));
      await rewound.reached(revision);
    }
  }
}

function allCases({ rewound }: RecoveringNeeds): readonly Case[] {
  return [...rewound.rows.values()]
    .map(({ value }) => ({ id: splitFederatedId(value.head.resource).local, record: value }))
    .toSorted((a, b) => (a.id < b.id ? -1 : 1));
}

/** By `<kind>/<name>`, or by the name where it is the only one. */
function caseOf(needs: RecoveringNeeds, spelled: string): Case {
  const named = (id: LocalId): boolean => id === spelled || id.endsWith(`/${spelled}`);
  const cases = allCases(needs);
  const exact = cases.filter(({ id }) => id === spelled);
  const found = exact.length > 0 ? exact : cases.filter(({ id }) => named(id));
  const [one, another] = found;
  if (one === undefined || another !== undefined) {
    const how = one === undefined ? 'nothing is' : 'several resources are';
    throw new HansaError('RECOVERY_NOT_FOUND', `${how} to be recovered as "${spelled}"`);
  }
  return one;
}

function shown({ peers }: RecoveringNeeds, { id, record }: Case): Rewound {
  const { cause, here, head, peer, foundMs } = record;
  const { epoch, sequence, tick } = head;
  const peerName = peers.standing(peer).name ?? peer.slice(0, 8);
  return {
    id,
    cause,
    here,
    held: { epoch, sequence, asOfMs: tick.asOfMs },
    peer,
    peerName,
    foundMs,
  };
}

function logged<T extends { readonly id: LocalId; readonly way: string }>(
  { log }: RecoveringNeeds,
  done: T,
): T {
  log.event('recovery.done', { resource: done.id, way: done.way });
  return done;
}
