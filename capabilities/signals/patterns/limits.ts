// How long addresses and patterns may be.

/** In UTF-16 units: addresses are table keys and are sent with every message. */
export const addressLengthMax = 1_024;

/** Matching takes a step for each. */
export const addressSegmentsMax = 32;

/**
 * Behind the first `**` of a pattern. From there on each segment may stand for each of an address,
 * so that a session's thousand patterns of any length would stop the router at every new address.
 */
export const segmentsBehindDeepMax = 4;
