// etcd's watches: the messages that are sent and read here, with the numbers of their fields.
import { bytes, flag, int, many, message, one, text, type Codec } from './message.ts';
import { keyValue, responseHeader, type Headed, type KeyValue } from './messages-kv.ts';

export interface WatchCreateRequest {
  readonly key: Uint8Array;
  readonly rangeEnd?: Uint8Array;
  readonly startRevision: number;
  readonly progressNotify: boolean;
  readonly prevKv: boolean;
  /** Whether large answers may come in parts. */
  readonly fragment: boolean;
}

const watchCreateRequest: Codec<WatchCreateRequest> = message({
  key: bytes(1),
  rangeEnd: bytes(2),
  startRevision: int(3),
  progressNotify: flag(4),
  prevKv: flag(6),
  fragment: flag(8),
});

export interface WatchRequest {
  readonly create?: WatchCreateRequest;
}

export const watchRequest: Codec<WatchRequest> = message({ create: one(1, watchCreateRequest) });

export const eventDelete = 1;

export interface EventMessage {
  readonly type: number;
  readonly kv?: KeyValue;
  readonly prevKv?: KeyValue;
}

const eventMessage: Codec<EventMessage> = message({
  type: int(1),
  kv: one(2, keyValue),
  prevKv: one(3, keyValue),
});

export interface WatchResponse extends Headed {
  readonly created: boolean;
  readonly canceled: boolean;
  /** Not 0 where that is why it was cancelled: the reason is empty in version 3.4. */
  readonly compactRevision: number;
  readonly cancelReason: string;
  /** More of the same is to come, perhaps of the same revision. */
  readonly fragment: boolean;
  readonly events: readonly EventMessage[];
}

export const watchResponse: Codec<WatchResponse> = message({
  header: one(1, responseHeader),
  created: flag(3),
  canceled: flag(4),
  compactRevision: int(5),
  cancelReason: text(6),
  fragment: flag(7),
  events: many(11, eventMessage),
});
