export {
  compareBytes,
  concatBytes,
  emptyBytes,
  equalBytes,
  fromHex,
  fromUtf8,
  prefixEnd,
  startsWith,
  toHex,
  utf8,
} from './bytes.ts';
export {
  blobBytesMax,
  blobChunkBytes,
  type BlobInfo,
  type BlobReceipt,
  type Blobs,
} from './blobs.ts';
export { cancellable, mapItems, type Reading } from './cancellable.ts';
export { abortable, aborted, cancellation, follow } from './cancellation.ts';
export {
  callingCluster,
  capability,
  isPeer,
  type Capability,
  type Duty,
  type PeerCaller,
  type Served,
} from './capability.ts';
export { deadline, type Clock, type Random } from './clock.ts';
export type { Codec } from './codec.ts';
export {
  textView,
  type Command,
  type CommandArgument,
  type CommandContext,
  type CommandOption,
  type CommandOutput,
  type CommandView,
} from './command.ts';
export type {
  AnyContract,
  Call,
  Caller,
  Carrier,
  Contract,
  Method,
  Permission,
  Traffic,
  Watch,
} from './contract.ts';
export type { Crypto, Hasher } from './crypto.ts';
export {
  serve,
  type Asked,
  type AuditEntry,
  type Beginning,
  type Credential,
  type Edge,
  type EdgeRequest,
  type Gate,
  type Held,
} from './edge.ts';
export { errorCodes, type ErrorCode, type ErrorCodeEntry } from './error-codes.ts';
export {
  errorOf,
  HansaError,
  invariant,
  isHansaError,
  reportOf,
  type ErrorDetails,
  type ErrorReport,
} from './errors.ts';
export {
  compareHlc,
  createHybridClock,
  hlcAheadMaxMs,
  hlcSchema,
  type Hlc,
  type HybridClock,
} from './hlc.ts';
export type { HttpRequest, HttpResponse, HttpRoute } from './http.ts';
export {
  blobIdSchema,
  clusterIdSchema,
  federatedId,
  federatedIdSchema,
  laneId,
  laneTarget,
  localId,
  localIdSchema,
  nameLengthMax,
  nodeIdSchema,
  resourceNameSchema,
  storedNameSchema,
  splitFederatedId,
  splitLocalId,
  type BlobId,
  type ClusterId,
  type FederatedId,
  type LocalId,
  type NodeId,
} from './ids.ts';
export {
  anyContains,
  parseScope,
  patternContains,
  readScope,
  scopeContains,
  scopeLengthMax,
  type Scope,
} from './scopes.ts';
export {
  accountNameSchema,
  isPrincipal,
  principal,
  principalKinds,
  principalSchema,
  splitPrincipal,
  type Principal,
  type PrincipalKind,
  type PrincipalParts,
} from './principals.ts';
export { sourceNetwork } from './source-network.ts';
export { silentLog, type Log, type LogFields } from './log.ts';
export { near } from './near.ts';
export { remote } from './remote.ts';
export { schemaSentence } from './schema-sentence.ts';
export {
  storeLimits,
  type Compare,
  type CompareOp,
  type Entry,
  type KeyRange,
  type KeyValueStore,
  type LeaseId,
  type Op,
  type OpResult,
  type Revision,
  type ScanOptions,
  type ScanPage,
  type StoreLimits,
  type StoreStatus,
  type Transaction,
  type TransactionResult,
  type WatchBatch,
  type WatchEvent,
} from './store/store.ts';
export { deletePrefix } from './store/delete-prefix.ts';
export type { DamagedRecord, InspectedRecords, StoreInspection } from './store/inspection.ts';
export { table, type Row, type Table } from './store/table.ts';
export { rowsAt, type RowAt, type RowRange, type RowsAt } from './store/rows-at.ts';
export { hashTranscript, transcript, type TranscriptField } from './transcript.ts';
export {
  dialTimeoutMs,
  frameBytesMax,
  type Connection,
  type FrameStream,
  type NodeAddress,
  type Transport,
} from './transport.ts';
export { unpackKey, type TuplePart } from './store/tuple.ts';
export { packTuple, tupleDepthMax, tupleSpan, unpackTuple, type KeySpan } from './tuple/tuple.ts';
export { fromOrderedText, toOrderedText } from './tuple/ordered-text.ts';
export type {
  TupleDouble,
  TupleFloat,
  TupleUuid,
  TupleValue,
  TupleVersionstamp,
} from './tuple/values.ts';
export { fromBase64Url, toBase64Url } from './base64url.ts';
export { bytesSchema, hashSchema, signatureSchema } from './byte-schema.ts';
export { emptyTrie, type DigestTrie, type TrieEntry } from './digest-trie.ts';
export type { TrieDraft } from './digest/trie-draft.ts';
export { childrenBytes, nodeBytes, nodeKind, type TrieHasher } from './digest/trie-hash.ts';
export {
  pathBytes,
  pathDigits,
  placedLeaves,
  type TrieChange,
  type TrieLeaf,
} from './digest/trie-leaf.ts';
export { createTrieStore, type PagedTrie, type TrieStore } from './digest/trie-store.ts';
export {
  childNode,
  isUnder,
  pathDigitsOf,
  type TriePrefix,
  type TrieView,
} from './digest/trie-view.ts';
export { errorReportSchema } from './error-report-schema.ts';
export { merkleStepsMax, merkleTree, rootFromPath, type MerkleStep } from './merkle-root.ts';
export { watchedTable, type WatchedTable } from './store/watched-table.ts';
export { createKeyedMutex, createMutex, type KeyedMutex, type Mutex } from './mutex.ts';
export { showWatch, type LastingWatch } from './lasting-watch.ts';
export { createRecent, type Recent } from './recent.ts';
export { createQueue, type Queue, type QueueBounds } from './queue.ts';
export { wireLimits, type WireLimits } from './wire/limits.ts';
export { createWireSession, type WireSession, type WireSessionNeeds } from './wire/session.ts';
export { spokenBy, spokenSchema, type Spoken } from './wire/versions.ts';
export { createAlarm, type Alarm } from './alarm.ts';
export {
  listAndWatch,
  type ListAndWatchOptions,
  type ListedOrChanged,
} from './store/list-and-watch.ts';
export { raiseStore } from './store/raised-store.ts';
export { scopedKey, scopeStore } from './store/scoped-store.ts';
export type { FencedStore, StoreFence } from './store/fence.ts';
export {
  createStoreEngine,
  historyKept,
  type HistoryKept,
  type StoreEngineNeeds,
} from './store/engine.ts';
export { isSealed, sealedMark, type Sealer } from './sealing.ts';
export type { ByteRange, KeyState, LoggedEvent, LoggedRevision, Shelf } from './store/shelf.ts';
export { idempotencyKeyBytesMax, idempotencyMs } from './store/outcomes.ts';
export { readCursor, writeCursor, type Cursor } from './store/history.ts';
export {
  byteRange,
  overLimit,
  ownKey,
  ownTransaction,
  ownWrite,
  prefixDeleteBytesMax,
  prefixDeleteKeysMax,
  scanLimit,
} from './store/rules.ts';
export { changedKeys } from './changed-keys.ts';
export { manifestId } from './blob-manifest.ts';
export { agoText, durationText, parseDuration } from './duration.ts';
export { bytesText } from './bytes-text.ts';
export { momentText } from './moment.ts';
export { problemText } from './problem-text.ts';
export {
  fromBase64,
  readBytes,
  spellBytes,
  textOf,
  type BytesEncoding,
  type SpelledBytes,
} from './spelled-bytes.ts';
export {
  chosenSpelled,
  nameWithKind,
  requireOwn,
  resolveSpelled,
  spelledResource,
  targetSpelled,
  withoutKind,
  type Ownership,
  type SpellingNeeds,
} from './spelled-resource.ts';
export {
  countOption,
  durationOption,
  flagOf,
  flagOption,
  labelOption,
  listOption,
  requiredArgument,
  requiredOption,
  requireYes,
  textOption,
  shellWord,
} from './command-input.ts';
export { createStoreBell, type Attendance, type StoreBell } from './store/bell.ts';
export {
  claimDataLengthMax,
  claimsPerLineMax,
  claimTables,
  claimTtlSecondsDefault,
  claimTtlSecondsMax,
  claimTtlSecondsMin,
  claimWaitMsMax,
  holderLengthMax,
  holderSchema,
  lineNameSchema,
  linesMax,
  lockOrder,
  ttlSecondsSchema,
  waitMsSchema,
  weightOrder,
  type Claim,
  type ClaimMode,
  type ClaimTables,
  type Standing as ClaimStanding,
} from './claims/claim.ts';
export { createClaims, type Claims, type ClaimsNeeds } from './claims/claims.ts';
export type { Token as ClaimToken } from './claims/holding.ts';
export type { LineView } from './claims/lines.ts';
export type { ClaimAsked, Granted as ClaimGranted } from './claims/steps.ts';
export { runHolding, type HeldForRun, type ProgramRunner } from './claims/run-holding.ts';
export { createGathering, type Gathering } from './gathering.ts';
