// Streams: append-only logs of messages, kept by their owner within limits, mirrored whole, read by
// named consumers who remember how far they came.
import {
  federatedIdSchema,
  localId,
  nameLengthMax,
  resourceNameSchema,
  targetSpelled,
  type Call,
  type Contract,
  type FederatedId,
} from '@hansa/foundation';
import { z } from 'zod';
import { descriptionSchema, labelsSchema } from '../resources/contract.ts';

export const streamKind = 'stream';

export const streamsMax = 1_000; // each keeps the ids of its window in memory while it is written
export const payloadBytesMax: number = 256 * 1_024; // with its headers it fits one change
export const headersMax = 32; // headers route and describe; content is the payload's
export const headerNameMax = 128; // a word, with a prefix of whose it is
export const headerValueMax = 1_024; // a URL or a trace context fits
export const headersBytesMax: number = 16 * 1_024; // all of one message, names and values
export const dedupIdMax = 128; // a UUID or a hash in hex, with a prefix
export const dedupWindowMs = 120_000; // a caller that did not hear an answer asks again within it
export const dedupIdsMax = 100_000; // remembered per stream: about 20 MB where all are used
export const batchMessagesMax = 40; // one change, also where every message brings an id
export const batchBytesMax: number = 320 * 1_024; // payloads and headers of one batch: one change
export const pageMessagesMax = 1_000; // messages of a page where payloads are small
export const pageBytesMax: number = 4 * 1_024 * 1_024; // payloads of one page; one message at least
export const pageMessagesDefault = 100; // what a person reads at once
export const consumersMax = 100; // of one stream at one cluster
export const trimIntervalMs = 10_000; // a message outlives its age by at most this

export const maxAgeDefaultMs = 604_800_000; // a week: longer than a mirror is usually away
export const maxBytesDefault: number = 256 * 1_024 * 1_024;
export const maxMessagesDefault = 100_000; // a mirror rebuilds a digest over so many in a second
export const maxAgeLeastMs = 1_000; // trimming looks no more often than this
export const maxBytesLeast: number = 1_024 * 1_024; // room for the largest message
export const maxBytesMost: number = 64 * 1_024 * 1_024 * 1_024;
export const maxMessagesMost = 1_000_000; // the digest over them is held in memory while written

/** Where one is crossed, the oldest messages are deleted. */
export interface StreamLimits {
  readonly maxAgeMs: number;
  readonly maxBytes: number;
  readonly maxMessages: number;
}

export type GivenLimits = { readonly [L in keyof StreamLimits]?: number | undefined };

/** How a payload is spelled in JSON: UTF-8 as it is, other bytes as base64 for URLs. */
export type PayloadEncoding = 'text' | 'base64url';

export interface NewMessage {
  readonly payload: string;
  /** Default `text`. */
  readonly encoding?: PayloadEncoding | undefined;
  readonly headers?: Readonly<Record<string, string>> | undefined;
  /** Within `dedupWindowMs`, the same id is appended once. */
  readonly id?: string | undefined;
}

export interface Message {
  /** 1, 2, 3 …: dense in its stream. */
  readonly sequence: number;
  /** When its owner took it. */
  readonly atMs: number;
  readonly payload: string;
  readonly encoding: PayloadEncoding;
  readonly headers: Readonly<Record<string, string>>;
  readonly id?: string | undefined;
}

export interface Stream {
  readonly resource: FederatedId;
  readonly name: string;
  readonly role: 'own' | 'mirror';
  readonly ownerName: string;
  readonly description: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Rises when a stream is made again under its name; then sequences begin anew. */
  readonly epoch: number;
  /** The oldest message kept; one above `last` where none is. */
  readonly first: number;
  /** 0 before the first message. */
  readonly last: number;
  /** Of the messages kept: payloads, headers and ids. */
  readonly bytes: number;
  /** When the last message was taken. */
  readonly lastMs?: number | undefined;
  readonly limits: StreamLimits;
}

export interface Consumer {
  readonly consumer: string;
  /** Everything up to here has been dealt with. */
  readonly acked: number;
  /** Messages kept that were not acknowledged. */
  readonly pending: number;
  readonly updatedMs: number;
}

export interface MessagePage {
  readonly epoch: number;
  readonly messages: readonly Message[];
  readonly first: number;
  readonly last: number;
  /** Where to go on. */
  readonly next: number;
  /** Messages from the asked one on that the limits had deleted before. */
  readonly missed: number;
}

export interface Appended {
  /** In the order of the messages; of a repeated id, the first's. */
  readonly sequences: readonly number[];
  /** How many were there already. */
  readonly duplicates: number;
}

interface Reading {
  readonly stream: string;
  readonly from?: number | undefined;
  /** The last so many messages instead. */
  readonly last?: number | undefined;
  /** Goes on after what this consumer has acknowledged. */
  readonly consumer?: string | undefined;
}

/** Own streams, and mirrors of others': `<name>`, `<peer>:<name>` or a federated id. */
export interface Streams {
  create(
    input: {
      name: string;
      description?: string | undefined;
      labels?: Readonly<Record<string, string>> | undefined;
      limits?: GivenLimits | undefined;
    },
    call?: Call,
  ): Promise<Stream>;
  list(input: Record<string, never>, call?: Call): Promise<{ readonly streams: readonly Stream[] }>;
  show(
    input: { stream: string },
    call?: Call,
  ): Promise<Stream & { readonly consumers: readonly Consumer[] }>;
  /** All messages of a batch in one step or none; answers once they are on disk. */
  append(
    input: { stream: string; messages: readonly NewMessage[] },
    call?: Call,
  ): Promise<Appended>;
  read(input: Reading & { limit?: number | undefined }, call?: Call): Promise<MessagePage>;
  /** The same without an end: what there is, then what comes. */
  consume(input: Reading, call?: Call): AsyncIterable<Message>;
  /** An older sequence than the acknowledged one changes nothing. */
  ack(
    input: { stream: string; consumer: string; sequence: number },
    call?: Call,
  ): Promise<Consumer>;
  /** The consumer begins anew the next time. */
  forget(input: { stream: string; consumer: string }, call?: Call): Promise<Consumer>;
  /** Deletes every message before this one. */
  trim(input: { stream: string; before: number }, call?: Call): Promise<Stream>;
  delete(input: { stream: string }, call?: Call): Promise<Stream>;
}

const positive = z.number().int().positive().max(Number.MAX_SAFE_INTEGER);
const natural = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const spelled = z
  .string()
  .min(1)
  .max(nameLengthMax + 128);
const consumerName = z
  .string()
  .max(nameLengthMax)
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.-]*$/, 'a consumer is letters, digits, ".", "-" and "_"');
export const headersSchema: z.ZodType<Readonly<Record<string, string>>> = z
  .record(
    z
      .string()
      .max(headerNameMax)
      .regex(/^[A-Za-z0-9_.-]+$/, 'a header is letters, digits, ".", "-" and "_"'),
    z.string().max(headerValueMax),
  )
  .refine((headers) => Object.keys(headers).length <= headersMax, `at most ${headersMax} headers`);
export const dedupIdSchema: z.ZodType<string> = z
  .string()
  .min(1)
  .max(dedupIdMax)
  .regex(/^[\u0021-\u007E]+$/, 'an id is printable ASCII without spaces');
const limitFields = {
  maxAgeMs: z.number().int().min(maxAgeLeastMs).max(Number.MAX_SAFE_INTEGER),
  maxBytes: z.number().int().min(maxBytesLeast).max(maxBytesMost),
  maxMessages: z.number().int().positive().max(maxMessagesMost),
};
export const limitsSchema: z.ZodType<StreamLimits> = z.object(limitFields);
const givenLimits: z.ZodType<GivenLimits> = z.strictObject(limitFields).partial();
const encodingSchema = z.enum(['text', 'base64url']);
const newMessage: z.ZodType<NewMessage> = z.strictObject({
  // How long what it spells is, the service counts: over its limit is INPUT_TOO_LARGE.
  payload: z.string(),
  encoding: encodingSchema.optional(),
  headers: headersSchema.optional(),
  id: dedupIdSchema.optional(),
});
const message: z.ZodType<Message> = z.object({
  sequence: positive,
  atMs: natural,
  payload: z.string(),
  encoding: encodingSchema,
  headers: z.record(z.string(), z.string()),
  id: z.string().optional(),
});
const streamFields = {
  resource: federatedIdSchema,
  name: z.string(),
  role: z.enum(['own', 'mirror']),
  ownerName: z.string(),
  description: z.string(),
  labels: z.record(z.string(), z.string()),
  epoch: natural,
  first: positive,
  last: natural,
  bytes: natural,
  lastMs: natural.optional(),
  limits: limitsSchema,
};
const shownStream: z.ZodType<Stream> = z.object(streamFields);
const consumer: z.ZodType<Consumer> = z.object({
  consumer: z.string(),
  acked: natural,
  pending: natural,
  updatedMs: natural,
});
const readingFields = {
  stream: spelled,
  from: positive.optional(),
  last: z.number().int().positive().max(pageMessagesMax).optional(),
  consumer: consumerName.optional(),
};
const oneStream = z.strictObject({ stream: spelled });
const unfound = ['RESOURCE_NOT_FOUND', 'MIRROR_NOT_FOUND', 'LINK_NOT_FOUND'] as const;

export const streamContract: Contract<Streams> = {
  name: 'stream',
  version: 1,
  methods: {
    create: {
      summary: 'Makes an empty stream.',
      permission: 'stream.write',
      route: 'POST /streams',
      input: z.strictObject({
        name: resourceNameSchema,
        description: descriptionSchema.optional(),
        labels: labelsSchema.optional(),
        limits: givenLimits.optional(),
      }),
      target: ({ name }) => localId(streamKind, name),
      output: shownStream,
      errors: ['RESOURCE_EXISTS', 'STORE_LIMIT'],
    },
    list: {
      summary: 'Lists own streams and mirrors.',
      permission: 'stream.read',
      route: 'GET /streams',
      input: z.strictObject({}),
      output: z.object({ streams: z.array(shownStream) }),
      errors: [],
    },
    show: {
      summary: 'Shows one stream and who reads it here.',
      permission: 'stream.read',
      route: 'GET /streams/show',
      input: oneStream,
      target: ({ stream }) => targetSpelled(streamKind, stream),
      output: z.object({ ...streamFields, consumers: z.array(consumer) }),
      errors: unfound,
    },
    append: {
      summary: 'Appends messages in one step; answers once they are on disk.',
      permission: 'stream.write',
      route: 'POST /streams/append',
      input: z.strictObject({
        stream: spelled,
        messages: z.array(newMessage).min(1).max(batchMessagesMax),
      }),
      target: ({ stream }) => targetSpelled(streamKind, stream),
      output: z.object({ sequences: z.array(positive), duplicates: natural }),
      errors: [...unfound, 'RESOURCE_READ_ONLY', 'INPUT_TOO_LARGE', 'RATE_LIMITED'],
    },
    read: {
      summary: 'Reads one page of messages.',
      permission: 'stream.read',
      route: 'GET /streams/messages',
      input: z.strictObject({
        ...readingFields,
        limit: z.number().int().positive().max(pageMessagesMax).optional(),
      }),
      target: ({ stream }) => targetSpelled(streamKind, stream),
      output: z.object({
        epoch: natural,
        messages: z.array(message),
        first: positive,
        last: natural,
        next: positive,
        missed: natural,
      }),
      errors: unfound,
    },
    consume: {
      watch: true,
      summary: 'Every message from one on, and each new one as it comes.',
      permission: 'stream.read',
      route: 'GET /streams/consume',
      input: z.strictObject(readingFields),
      target: ({ stream }) => targetSpelled(streamKind, stream),
      output: message,
      errors: [...unfound, 'CONFLICT'],
    },
    ack: {
      summary: 'Notes how far a consumer has come.',
      permission: 'stream.write',
      route: 'POST /streams/ack',
      input: z.strictObject({ stream: spelled, consumer: consumerName, sequence: positive }),
      target: ({ stream }) => targetSpelled(streamKind, stream),
      output: consumer,
      errors: [...unfound, 'STORE_LIMIT', 'CONFLICT'],
    },
    forget: {
      summary: 'Forgets how far a consumer has come.',
      permission: 'stream.write',
      route: 'DELETE /streams/consumers',
      input: z.strictObject({ stream: spelled, consumer: consumerName }),
      target: ({ stream }) => targetSpelled(streamKind, stream),
      output: consumer,
      errors: [...unfound, 'CONSUMER_NOT_FOUND'],
    },
    trim: {
      summary: 'Deletes every message before one.',
      permission: 'stream.write',
      route: 'POST /streams/trim',
      input: z.strictObject({ stream: spelled, before: positive }),
      target: ({ stream }) => targetSpelled(streamKind, stream),
      output: shownStream,
      errors: [...unfound, 'RESOURCE_READ_ONLY'],
    },
    delete: {
      summary: 'Deletes an own stream with all its messages.',
      permission: 'stream.write',
      route: 'DELETE /streams',
      input: oneStream,
      target: ({ stream }) => targetSpelled(streamKind, stream),
      output: shownStream,
      errors: [...unfound, 'RESOURCE_READ_ONLY'],
    },
  },
};
