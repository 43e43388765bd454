// What the router bounds, with the reason beside each bound. Those that an operator may change are
// defaults of `RouterOptions`; the others are the protocol's or protect the process.

/** Defaults of what an operator may change. */
export const routerDefaults = {
  /** More than any venue has; each costs some kilobytes, and `lineBytesMax` when it is slow. */
  sessionsMax: 4_096,
  /** As the published router: a flood is a mistake or an attack. 0 leaves a session unlimited. */
  messagesPerSecondMax: 1_000,
  /** As the published relay. */
  paramsMax: 100_000,
  /** What all params hold: so many of the largest values would not fit a small machine. */
  paramBytesMax: 268_435_456,
  /** As the published router: what nobody has written or read for an hour is forgotten. */
  paramTtlSeconds: 3_600,
  /** As the published router; a WebSocket's pongs count as a sign of life. */
  sessionIdleMs: 300_000,
  /** What waits behind a line before its session counts as slow: ten thousand small SETs. */
  lineBytesMax: 1_048_576,
} as const;

export const routerLimits = {
  /** As the published router: who connects says HELLO at once. */
  helloMs: 10_000,
  /** An access service that takes longer is as good as none. */
  admissionMs: 10_000,
  /** As the published router. */
  subscriptionsMax: 1_000,
  /** Patterns and addresses are compared segment by segment: a path is not a document. */
  addressBytesMax: 1_024,
  /** Kept for a slow session: events are news, each of them; a second's worth at full rate. */
  eventsWaitingMax: 1_000,
  /** The same in bytes: events of the largest size would otherwise be 64 MiB. */
  eventBytesWaitingMax: 1_048_576,
  /** Answers that wait. Beyond it the session is not read until they went: it asks too fast. */
  repliesWaitingMax: 1_000,
  /** A transport that cannot stop reading: beyond this many answers the session is closed. */
  repliesUnreadMax: 100_000,
  /** The first of these in bytes, since an answer may be 64 KiB: as much as behind a line. */
  replyBytesWaitingMax: 1_048_576,
  /** The second: more is no slow session, but one that does not read. */
  replyBytesUnreadMax: 16_777_216,
  /** Drops of streams in one window before a session is told that it is too slow. */
  dropsToldMin: 100,
  /** As the published router: a slow session is told at most this often. */
  dropsWindowMs: 10_000,
  /** ERROR 429 in one second: a flood is not answered by a flood. */
  rateErrorsPerSecondMax: 10,
  /** A screen's frame: moves of a gesture are told at most this often. */
  gestureFlushMs: 16,
  /** As the published router: a gesture that nobody ended. */
  gestureIdleMs: 300_000,
  /** Fingers of one session at once, here or elsewhere; further gestures pass as they come. */
  gesturesMax: 256,
  /** Of all sessions of one other router; further ones are not ended when it goes. */
  routerGesturesMax: 4_096,
  /** Of all other routers: each may have an address and a writer of a kilobyte and a half. */
  routersGesturesMax: 16_384,
  /** Bundles of one session that wait for their moment. */
  bundlesWaitingMax: 1_000,
  /** The same in bytes, since each may be 64 KiB. */
  bundleBytesWaitingMax: 4_194_304,
  /** What is later than a day is a calendar's business. */
  bundleAheadMs: 86_400_000,
  /** As the published router, which did not enforce it. */
  announcedMax: 10_000,
  /** So that one session does not take all of them. */
  announcedPerSessionMax: 2_000,
  /** As the published router. */
  announcedMs: 3_600_000,
  /** Entries that one REPLAY answers with; who wants more asks again from the last one's time. */
  replayMax: 10_000,
  /** As the published router's journal in memory. */
  journalEntriesMax: 10_000,
  /** What the journal in memory holds; its entries may be 64 KiB each. */
  journalBytesMax: 16_777_216,
  /** Revisions of addresses that are no more, so that a new life goes on after the last one. */
  tombstonesMax: 10_000,
  /** Addresses of which a session's `maxRate` and `epsilon` remember what was told last. */
  gatesMax: 16_384,
  /** Addresses whose subscribers are known without asking the patterns. */
  routesMax: 65_536,
  /** Params or entries looked at in one turn, so that a large snapshot stops nobody else. */
  scannedPerTurnMax: 4_096,
  /** Frames of a session that came while its token is judged; it has not been welcomed yet. */
  earlyFramesMax: 64,
  /** The same in bytes: strangers hold as many lines as there are sessions. */
  earlyBytesMax: 131_072,
  /** How long one turn looks at most, however few it has come to: a step of a fader is shorter. */
  turnMs: 2,
  /** REPLAYs of one session that are not answered yet: each may read all of a journal. */
  replaysWaitingMax: 64,
  /** A `datatype` or an `access` of what is announced, each: they are words, not documents. */
  announcedTextBytesMax: 256,
  /** What all that is announced holds: so many of the longest addresses would be 30 MB an hour. */
  announcedBytesMax: 8_388_608,
  /** Of all params, of what they hold and of all sessions, what one token may take at most. */
  subjectShare: 0.5,
} as const;
