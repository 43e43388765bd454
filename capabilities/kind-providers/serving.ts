// The stream of work of one program: first what is owed, then what comes, and a ping where nothing
// does.
import { HansaError, isHansaError, toHex, type Random, type Row } from '@hansa/foundation';
import type { Mirrors } from '../sync/contract.ts';
import { answerWithinMs, pingEveryMs } from './contract.ts';
import type { Work } from './work.ts';
import type { OwedWork } from './keys.ts';
import { workOf, type KindParts } from './mirroring.ts';
import type { Answer, Session } from './session.ts';

const pingBytes = 16;

export interface ServingNeeds extends KindParts {
  readonly mirrors: Mirrors;
  readonly random: Random;
}

interface Asked {
  readonly kind: string;
  readonly provider: string;
  readonly takeover: boolean;
  readonly signal: AbortSignal | undefined;
}

export async function* serveWork(needs: ServingNeeds, asked: Asked): AsyncIterable<Work> {
  const { known } = needs;
  const { kind, signal } = asked;
  const session = await known.open(kind, asked.provider, asked.takeover);
  const left = (): void => session.end(new HansaError('CANCELLED', 'the program left'));
  signal?.addEventListener('abort', left, { once: true });
  let reason = new HansaError('CANCELLED', 'the program left');
  try {
    const { lease } = session;
    yield { type: 'lease', work: lease, lease, answerWithinMs };
    retryWaiting(needs, kind);
    yield* items(needs, kind, session);
  } catch (error) {
    reason = isHansaError(error) ? error : reason;
    throw error;
  } finally {
    signal?.removeEventListener('abort', left);
    await known.close(kind, session, reason);
  }
}

/** Mirrors that waited for a program need not wait for their next attempt as well. */
function retryWaiting({ known, mirrors }: ServingNeeds, kind: string): void {
  const host = known.hosts.get(kind);
  for (const each of mirrors.all()) {
    if (each.kind === kind && each.lastError?.code === 'KIND_UNAVAILABLE') {
      host?.retry(each.resource);
    }
  }
}

async function* items(needs: ServingNeeds, kind: string, session: Session): AsyncIterable<Work> {
  // What the program could not do is not put before it again and again: the next session has it.
  const put = new Set<string>();
  for (;;) {
    // Before every item: what an epoch left is purged before anything new of its resource comes.
    queueOwed(needs, { kind, session, put }, await needs.known.owed(kind));
    const work = await session.next(pingEveryMs);
    if (work !== undefined) {
      yield work;
      await session.answered();
    } else if (session.waiting === 0) {
      ping(needs, session);
    }
  }
}

/** Whoever is there answers it; whoever does not loses the session. */
function ping({ random }: ServingNeeds, session: Session): void {
  const work: Work = { type: 'ping', work: toHex(random.bytes(pingBytes)) };
  session.ask(work).catch(() => undefined);
}

interface Owing {
  readonly kind: string;
  readonly session: Session;
  readonly put: Set<string>;
}

function queueOwed(needs: ServingNeeds, owing: Owing, rows: readonly Row<OwedWork>[]): void {
  const fresh = rows.filter((row) => !owing.put.has(keyOf(row)));
  const works = fresh.map(({ value }) => workOf(needs, value.type, value));
  const answers = owing.session.askFirst(works);
  fresh.forEach((row, at) => {
    owing.put.add(keyOf(row));
    void settleOwed(needs, owing, { row, answer: answers[at] });
  });
}

function keyOf({ value: { type, resource, epoch } }: Row<OwedWork>): string {
  return `${type} ${resource} ${epoch}`;
}

/** The row goes once the program has answered; a failure leaves it for the next session. */
async function settleOwed(
  { known, log }: ServingNeeds,
  { kind, session, put }: Owing,
  { row, answer }: { readonly row: Row<OwedWork>; readonly answer: Promise<Answer> | undefined },
): Promise<void> {
  try {
    const given = await answer;
    if (given?.accept !== true) {
      throw new Error(given?.reason ?? 'the program gave no reason');
    }
    await known.forgive(kind, row);
    put.delete(keyOf(row));
  } catch (error) {
    if (!session.signal.aborted) {
      log.problem('kind.work-refused', error, { kind, type: row.value.type });
    }
  }
}
