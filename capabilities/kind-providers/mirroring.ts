// A kind that a program serves, as sync sees it: every batch is put before the program, and what it
// must know whatever happens is owed to it until it has answered.
import {
  HansaError,
  splitFederatedId,
  toHex,
  hashTranscript,
  type Crypto,
  type FederatedId,
  type Log,
} from '@hansa/foundation';
import type { SequencedChange } from '../resources/contract.ts';
import type { FederatedKind, MirrorView, Mirrors, StagedBatch } from '../sync/contract.ts';
import type { Work, WorkType } from './work.ts';
import type { KnownKinds } from './known-kinds.ts';
import { checkOps, pageOfChanges } from './shown.ts';

const workIdBytes = 16; // of a hash: two pieces of work do not meet in it

/** A batch that a program is asked about: it may read more of it, and the mirror before it. */
export interface StagedWork {
  readonly changes: readonly SequencedChange[];
  readonly before: MirrorView;
}

export interface KindParts {
  readonly known: KnownKinds;
  readonly crypto: Crypto;
  readonly log: Log;
  readonly mirrors: Pick<Mirrors, 'find'>;
  /** By work id, while it is asked. */
  readonly staged: Map<string, StagedWork>;
}

export function createExternalKind(parts: KindParts, kind: string): FederatedKind {
  const { known } = parts;
  return {
    kind,
    attached: (host) => void known.hosts.set(kind, host),
    stage: (before, changes, signal) => stage(parts, { kind, before, changes, signal }),
    settle: ({ resource, epoch }) => known.owe({ kind, type: 'settle', resource, epoch }),
    purge: ({ resource, epoch }) => known.owe({ kind, type: 'purge', resource, epoch }),
  };
}

interface Staging {
  readonly kind: string;
  readonly before: MirrorView;
  readonly changes: readonly SequencedChange[];
  readonly signal: AbortSignal;
}

async function stage(parts: KindParts, given: Staging): Promise<StagedBatch> {
  const { known, staged } = parts;
  const { kind, before, changes, signal } = given;
  const { limits } = known.require(kind);
  changes.forEach(({ change }) => checkOps(change.ops, limits));
  const { resource, epoch } = before;
  const sequence = changes.at(-1)?.sequence ?? 0;
  const at = { resource, epoch, sequence };
  const item = workOf(parts, 'stage', at);
  const session = known.requireSession(kind);
  staged.set(item.work, { changes, before });
  try {
    const answer = await session.ask({ ...item, ...pageOfChanges(changes, 0) }, signal);
    if (!answer.accept) {
      const reason = answer.reason ?? 'it gave no reason';
      throw new HansaError('CHANGE_INVALID', `"${session.provider}" refuses the batch: ${reason}`, {
        facts: { kind, provider: session.provider },
      });
    }
  } finally {
    staged.delete(item.work);
  }
  return {
    commit: () => tell(parts, kind, { ...workOf(parts, 'commit', at), staged: item.work }),
    async discard() {
      await tell(parts, kind, { ...workOf(parts, 'discard', at), staged: item.work });
      // A part of the batch may have been applied before the store refused the rest.
      await known.owe({ kind, type: 'settle', resource, epoch });
    },
  };
}

/** Whoever cannot be told now settles later: the store has moved, and that is what counts. */
async function tell({ known, log }: KindParts, kind: string, work: Work): Promise<void> {
  const { resource, epoch = 0 } = work;
  try {
    const answer = await known.requireSession(kind).ask(work);
    if (answer.accept) {
      return;
    }
    log.problem('kind.work-refused', new Error(answer.reason), { kind, type: work.type });
  } catch (error) {
    log.event('kind.work-owed', { kind, type: work.type, code: codeOf(error) });
  }
  if (resource !== undefined && epoch > 0) {
    await known.owe({ kind, type: 'settle', resource, epoch });
  }
}

function codeOf(error: unknown): string {
  return error instanceof HansaError ? error.code : 'INTERNAL';
}

/** An item without its content; its id follows from what it is about, and so stays the same. */
export function workOf(
  { crypto, mirrors }: Pick<KindParts, 'crypto' | 'mirrors'>,
  type: WorkType,
  at: { readonly resource: FederatedId; readonly epoch: number; readonly sequence?: number },
): Work {
  const { resource, epoch, sequence } = at;
  const fields = [type, resource, epoch, sequence ?? 0];
  const hash = hashTranscript(crypto, 'hansa/kind-work/1', fields);
  const { name, owner } = splitFederatedId(resource);
  return {
    type,
    work: toHex(hash.subarray(0, workIdBytes)),
    resource,
    name,
    ownerName: mirrors.find(resource)?.ownerName ?? owner.slice(0, 8),
    epoch,
    ...(sequence === undefined ? {} : { sequence }),
  };
}
