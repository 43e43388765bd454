// Streams as people and programs see them.
import {
  federatedId,
  HansaError,
  type Clock,
  type FederatedId,
  type KeyValueStore,
} from '@hansa/foundation';
import type { FederatedKind } from '../sync/contract.ts';
import { consuming, pageFrom } from './consuming.ts';
import { createConsumers, type Consumers } from './consumers.ts';
import {
  batchBytesMax,
  pageMessagesDefault,
  streamKind,
  streamsMax,
  trimIntervalMs,
  type GivenLimits,
  type Streams,
} from './contract.ts';
import {
  describeStream,
  ownStream,
  resolveStream,
  standingOf,
  type FindingNeeds,
} from './finding.ts';
import { messageBytes, settingsKey } from './keys.ts';
import { createStreamKind } from './mirrored.ts';
import { readMessage, requireAtMost } from './payload.ts';
import { defaultLimits } from './sources.ts';
import { createWriting, type Writing } from './writing.ts';

export interface StreamNeeds extends FindingNeeds {
  readonly store: KeyValueStore;
  readonly clock: Clock;
}

export interface StreamParts extends StreamNeeds {
  readonly consumers: Consumers;
  readonly writing: Writing;
}

export interface StreamService {
  readonly streams: Streams;
  readonly kind: FederatedKind;
  /** Deletes what is over its limits, for as long as the signal lets it. */
  keepTrimming(signal: AbortSignal): Promise<void>;
}

export function createStreams(needs: StreamNeeds): StreamService {
  const consumers = createConsumers(needs);
  const kind = createStreamKind({ ...needs, consumers });
  const writing = createWriting({ ...needs, author: needs.signer.name });
  const parts: StreamParts = { ...needs, consumers, writing };
  return {
    kind,
    streams: { ...writingOf(parts), ...readingOf(parts) },
    async keepTrimming(signal) {
      while (!signal.aborted) {
        await needs.clock.sleep(trimIntervalMs, signal);
        for (const { id } of ownStreams(parts)) {
          await writing.trim(id);
        }
      }
    },
  };
}

function ownStreams({ resources }: FindingNeeds): ReturnType<FindingNeeds['resources']['all']> {
  return resources.all().filter(({ kind }) => kind === streamKind);
}

function writingOf(parts: StreamParts): Pick<Streams, 'create' | 'append' | 'trim' | 'delete'> {
  const { resources, signer, codec, writing, consumers } = parts;
  return {
    async create({ name, description, labels, limits = {} }) {
      if (ownStreams(parts).length >= streamsMax) {
        throw new HansaError(
          'STORE_LIMIT',
          `there are ${streamsMax} streams, the most there may be`,
        );
      }
      const { id } = await resources.create({ kind: streamKind, name, description, labels });
      const value = codec.encode(settled(limits));
      const settings = { put: { key: settingsKey, value, blobs: [] } };
      await resources.append(id, [settings], { author: signer.name });
      return describeStream(parts, federatedId(signer.cluster, id));
    },
    async append({ stream, messages }) {
      const id = ownStream(parts, stream);
      const incoming = messages.map(readMessage);
      const bytes = incoming.reduce((sum, each) => sum + messageBytes({ ...each, atMs: 0 }), 0);
      requireAtMost('a batch of messages', bytes, batchBytesMax);
      return writing.append(id, incoming);
    },
    async trim({ stream, before }) {
      const id = ownStream(parts, stream);
      await writing.trim(id, before);
      return describeStream(parts, federatedId(signer.cluster, id));
    },
    async delete({ stream }) {
      const id = ownStream(parts, stream);
      const resource = federatedId(signer.cluster, id);
      const described = await describeStream(parts, resource);
      await resources.remove(id);
      writing.forget(id);
      await consumers.drop(resource, described.epoch);
      return described;
    },
  };
}

function settled(given: GivenLimits): typeof defaultLimits {
  return {
    maxAgeMs: given.maxAgeMs ?? defaultLimits.maxAgeMs,
    maxBytes: given.maxBytes ?? defaultLimits.maxBytes,
    maxMessages: given.maxMessages ?? defaultLimits.maxMessages,
  };
}

function readingOf(parts: StreamParts): Omit<Streams, keyof ReturnType<typeof writingOf>> {
  const { signer, mirrors, consumers } = parts;
  const standing = (spelled: string): ReturnType<typeof standingOf> =>
    standingOf(parts, resolveStream(parts, spelled));
  return {
    async list() {
      const own = ownStreams(parts).map(({ id }) => federatedId(signer.cluster, id));
      const copies = mirrors.all().filter(({ kind }) => kind === streamKind);
      const all = [...own, ...copies.map(({ resource }) => resource)];
      return { streams: await Promise.all(all.map((each) => describeStream(parts, each))) };
    },
    async show({ stream }) {
      const resource = resolveStream(parts, stream);
      const described = await describeStream(parts, resource);
      return { ...described, consumers: await consumers.list(await standing(stream)) };
    },
    async read({ stream, limit = pageMessagesDefault, ...asked }) {
      const resource = resolveStream(parts, stream);
      const from = await beginning(parts, resource, asked);
      return pageFrom(parts, resource, { from, limit: asked.last ?? limit });
    },
    consume: ({ stream, ...asked }, call) =>
      consuming(parts, {
        resource: () => resolveStream(parts, stream),
        beginning: (resource) => beginning(parts, resource, asked),
        signal: call?.signal,
      }),
    ack: async ({ stream, consumer, sequence }) =>
      consumers.ack(await standing(stream), consumer, sequence),
    forget: async ({ stream, consumer }) => consumers.forget(await standing(stream), consumer),
  };
}

/** The first sequence to read: after what was acknowledged, of the last few, or as asked. */
async function beginning(
  parts: StreamParts,
  resource: FederatedId,
  asked: {
    readonly from?: number | undefined;
    readonly last?: number | undefined;
    readonly consumer?: string | undefined;
  },
): Promise<number> {
  const { from, last, consumer } = asked;
  if ([from, last, consumer].filter((each) => each !== undefined).length > 1) {
    throw new HansaError('INPUT_INVALID', '"from", "last" and "consumer" exclude each other');
  }
  if (last !== undefined) {
    const { state } = await standingOf(parts, resource);
    return Math.max(state.first, state.last - last + 1);
  }
  if (consumer === undefined) {
    return from ?? (await standingOf(parts, resource)).state.first;
  }
  const at = await standingOf(parts, resource);
  const acked = await parts.consumers.acked(at, consumer);
  return acked === undefined ? at.state.first : acked + 1;
}
