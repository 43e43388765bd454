// Reading without an end: page after page of what there is, then what comes, in order and without a
// hole that the limits did not make.
import { HansaError, splitFederatedId, type FederatedId } from '@hansa/foundation';
import type { Clock } from '@hansa/foundation';
import type { Signer } from '../identity/contract.ts';
import type { ResourceLog } from '../resources/contract.ts';
import { pageMessagesMax, type Message, type MessagePage } from './contract.ts';
import { sourceOf, type FindingNeeds } from './finding.ts';
import { readPage } from './sources.ts';

const lookAgainMs = 1_000; // another node may have applied what we are not told of
const consumePageMax: number = pageMessagesMax / 10; // read ahead of a reader that may be slow

interface ConsumingNeeds extends FindingNeeds {
  readonly clock: Clock;
  readonly signer: Signer;
  readonly resources: ResourceLog;
}

export async function pageFrom(
  needs: FindingNeeds,
  resource: FederatedId,
  asked: { readonly from: number; readonly limit: number },
): Promise<MessagePage> {
  const source = await sourceOf(needs, resource);
  return source === undefined
    ? { epoch: 0, messages: [], first: 1, last: 0, next: asked.from, missed: 0 }
    : readPage(needs.codec, source, asked);
}

export async function* consuming(
  needs: ConsumingNeeds,
  given: {
    resource(): FederatedId;
    beginning(resource: FederatedId): Promise<number>;
    readonly signal: AbortSignal | undefined;
  },
): AsyncIterable<Message> {
  const resource = given.resource();
  const bell = createBell(needs, resource);
  let from = await given.beginning(resource);
  let epoch: number | undefined;
  try {
    while (given.signal?.aborted !== true) {
      bell.hush();
      const page = await pageFrom(needs, resource, { from, limit: consumePageMax });
      if (page.epoch > 0) {
        requireSame(resource, epoch, page.epoch);
        epoch = page.epoch;
      }
      yield* page.messages;
      from = page.next;
      if (page.messages.length === 0 && page.next > page.last) {
        await bell.rung(given.signal);
      }
    }
  } finally {
    bell.leave();
  }
}

function requireSame(resource: FederatedId, before: number | undefined, now: number): void {
  if (before !== undefined && before !== now) {
    throw new HansaError('CONFLICT', `${resource} was made anew: its sequences begin again`, {
      fix: 'consume it from its beginning',
    });
  }
}

interface Bell {
  /** Forgets what rang until now. */
  hush(): void;
  /** Resolves when something changed since `hush`, and now and then without it. */
  rung(signal: AbortSignal | undefined): Promise<void>;
  leave(): void;
}

function createBell(needs: ConsumingNeeds, resource: FederatedId): Bell {
  let rang = false;
  let wake = (): void => undefined;
  const leave = subscribeTo(needs, resource, () => {
    rang = true;
    wake();
  });
  return {
    leave,
    hush: () => {
      rang = false;
    },
    async rung(signal) {
      if (rang) {
        return;
      }
      const timer = new AbortController();
      const stop = signal === undefined ? timer.signal : AbortSignal.any([timer.signal, signal]);
      wake = () => timer.abort();
      await needs.clock.sleep(lookAgainMs, stop).catch(() => undefined);
    },
  };
}

/** Told of every change of one stream, own or mirrored. */
function subscribeTo(
  { resources, signer, mirrors }: ConsumingNeeds,
  resource: FederatedId,
  changed: () => void,
): () => void {
  const { owner, local } = splitFederatedId(resource);
  return owner === signer.cluster
    ? resources.subscribe((id) => (id === local ? changed() : undefined))
    : mirrors.subscribe((each) => (each === resource ? changed() : undefined));
}
