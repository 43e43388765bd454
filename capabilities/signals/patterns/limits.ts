// How long addresses and patterns may be.

/** In UTF-16 units: addresses are table keys and are sent with every message. */
export const addressLengthMax = 1_024;

/** Matching takes a step for each, and after a `**` one for each pair of them. */
export const addressSegmentsMax = 32;
