// etcd's key-value service: the messages that are sent and read here, with the numbers of their
// fields. What is not read is left out of the tables.
import {
  bytes,
  chosenBytes,
  chosenId64,
  chosenInt,
  flag,
  id64,
  int,
  later,
  many,
  message,
  one,
  type Codec,
} from './message.ts';

export interface ResponseHeader {
  readonly revision: number;
}

export const responseHeader: Codec<ResponseHeader> = message({ revision: int(3) });

/** What every answer that names a revision has. */
export interface Headed {
  readonly header?: ResponseHeader;
}

export interface KeyValue {
  readonly key: Uint8Array;
  readonly createRevision: number;
  readonly modRevision: number;
  readonly version: number;
  readonly value: Uint8Array;
  readonly lease: string;
}

export const keyValue: Codec<KeyValue> = message({
  key: bytes(1),
  createRevision: int(2),
  modRevision: int(3),
  version: int(4),
  value: bytes(5),
  lease: id64(6),
});

/** Ascending is what a range is without an order. */
export const sortDescending = 2;

export interface RangeRequest {
  readonly key: Uint8Array;
  readonly rangeEnd?: Uint8Array;
  readonly limit?: number;
  readonly revision?: number;
  /** By key: the target whose number is 0. */
  readonly sortOrder?: number;
  readonly keysOnly?: boolean;
  readonly countOnly?: boolean;
}

export const rangeRequest: Codec<RangeRequest> = message({
  key: bytes(1),
  rangeEnd: bytes(2),
  limit: int(3),
  revision: int(4),
  sortOrder: int(5),
  keysOnly: flag(8),
  countOnly: flag(9),
});

export interface RangeResponse extends Headed {
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
  readonly count: number;
}

export const rangeResponse: Codec<RangeResponse> = message({
  header: one(1, responseHeader),
  kvs: many(2, keyValue),
  more: flag(3),
  count: int(4),
});

export interface PutRequest {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly lease?: string;
}

export const putRequest: Codec<PutRequest> = message({
  key: bytes(1),
  value: bytes(2),
  lease: id64(3),
});

export interface DeleteRangeRequest {
  readonly key: Uint8Array;
  readonly rangeEnd?: Uint8Array;
}

export const deleteRangeRequest: Codec<DeleteRangeRequest> = message({
  key: bytes(1),
  rangeEnd: bytes(2),
});

export interface DeleteRangeResponse extends Headed {
  readonly deleted: number;
}

export const deleteRangeResponse: Codec<DeleteRangeResponse> = message({
  header: one(1, responseHeader),
  deleted: int(2),
});

export interface HeadedOnly extends Headed {}

/** Of a put and of a compaction: nothing else of them is read. */
export const headedOnly: Codec<HeadedOnly> = message({ header: one(1, responseHeader) });

export const compareResult = { '=': 0, '>': 1, '<': 2, '!=': 3 } as const;
export const compareTarget = {
  version: 0,
  createRevision: 1,
  modRevision: 2,
  value: 3,
  lease: 4,
} as const;

export interface CompareMessage {
  readonly result: number;
  readonly target: number;
  readonly key: Uint8Array;
  readonly version?: number;
  readonly createRevision?: number;
  readonly modRevision?: number;
  readonly value?: Uint8Array;
  readonly lease?: string;
}

export const compareMessage: Codec<CompareMessage> = message({
  result: int(1),
  target: int(2),
  key: bytes(3),
  version: chosenInt(4),
  createRevision: chosenInt(5),
  modRevision: chosenInt(6),
  value: chosenBytes(7),
  lease: chosenId64(8),
});

export interface RequestOp {
  readonly range?: RangeRequest;
  readonly put?: PutRequest;
  readonly deleteRange?: DeleteRangeRequest;
  readonly txn?: TxnRequest;
}

export const requestOp: Codec<RequestOp> = message({
  range: one(1, rangeRequest),
  put: one(2, putRequest),
  deleteRange: one(3, deleteRangeRequest),
  txn: one(
    4,
    later(() => txnRequest),
  ),
});

export interface TxnRequest {
  readonly compare: readonly CompareMessage[];
  readonly success: readonly RequestOp[];
  readonly failure: readonly RequestOp[];
}

export const txnRequest: Codec<TxnRequest> = message({
  compare: many(1, compareMessage),
  success: many(2, requestOp),
  failure: many(3, requestOp),
});

export interface ResponseOp {
  readonly range?: RangeResponse;
  readonly put?: HeadedOnly;
  readonly deleteRange?: DeleteRangeResponse;
  readonly txn?: TxnResponse;
}

export const responseOp: Codec<ResponseOp> = message({
  range: one(1, rangeResponse),
  put: one(2, headedOnly),
  deleteRange: one(3, deleteRangeResponse),
  txn: one(
    4,
    later(() => txnResponse),
  ),
});

export interface TxnResponse extends Headed {
  readonly succeeded: boolean;
  readonly responses: readonly ResponseOp[];
}

export const txnResponse: Codec<TxnResponse> = message({
  header: one(1, responseHeader),
  succeeded: flag(2),
  responses: many(3, responseOp),
});

export interface CompactionRequest {
  readonly revision: number;
}

export const compactionRequest: Codec<CompactionRequest> = message({ revision: int(1) });
