// What one router takes of another, and how long it waits for it.

export const federationLimits = {
  /** As the README says: namespaces that a peer declares or asks for at once. */
  patternsMax: 1_000,
  /** Of all peers of other kinds together: each new declaration is compared with every one. */
  claimsMax: 20_000,
  /** Of one session: what is whose changes seldom, and everybody is told of it. */
  declarationsPerSecondMax: 8,
  /** Patterns in what one link tells of routers: a large mesh at once, and no flood of changes. */
  advertsPerSecondMax: 100_000,
  /** As the README says. A frame holds fewer; other carriers may bring more. */
  revisionsMax: 10_000,
  /** Of a frame's 65,535 bytes, what entries of a revision vector may take. */
  vectorBytesMax: 60_000,
  /** A cluster's id in hex is half of it; every message between our routers carries one. */
  routerIdBytesMax: 128,
  /** How a session of another router is called: that router's id, and a session's own. */
  writerBytesMax: 512,
  /** Reconnecting takes longer each time, and not longer than this. */
  reconnectMsMax: 30_000,
  /** A link that was active for so long held: what comes after it is tried anew from the start. */
  steadyMs: 10_000,
  /** A hub that does not welcome us, or does not answer, is as good as away. */
  handshakeMs: 10_000,
  /** A link carries what the clients of a site send: as many of them as a venue has busy. */
  peerRateFactor: 64,
  /** Without a frame for so long a peer is asked whether it lives. */
  pingMs: 20_000,
  /** Without an answer for so long it does not. */
  silenceMs: 65_000,
  /** Whoever owns an address answers within it; a client's patience is five seconds too. */
  askMs: 5_000,
  /** Writes that wait for the answer of another router. */
  asksMax: 10_000,
  /**
   * Of those, over one link: an owner that does not answer takes no more than a quarter of them.
   */
  asksPerLinkMax: 2_500,
  /** Routers that a change passes: more than any ring that is not a mistake. */
  hopsMax: 16,
  /** What waits behind a line before its changes are gathered instead of sent one by one. */
  lineBytesMax: 1_048_576,
  /** What may be added behind a line that is full already, of what is not gathered. */
  cloggedBytesMax: 4_194_304,
  /** How often it is looked whether a line that was full has room again. */
  paceMs: 10,
  /** Events that wait for a slow link: a second's worth at full rate; streams are dropped. */
  eventsWaitingMax: 1_000,
  /** What they may hold. */
  eventBytesWaitingMax: 4_194_304,
  /** Publications of one router of which is remembered that they came: a ring reorders no more. */
  seenMax: 4_096,
  /** Routers that are known at once, those that have left included. */
  routersMax: 1_024,
  /** Addresses whose owner is known without asking the patterns; each may have a kilobyte. */
  ownersMax: 16_384,
  /** What a stamp may be ahead of our clock, as everywhere in this house. */
  aheadMs: 60_000,
  /** A write that a hub has not acknowledged for so long is sent again. */
  unacknowledgedMs: 10_000,
  /** Events that wait for whoever took the receiver; the oldest go first. */
  receiverEventsMax: 10_000,
} as const;
