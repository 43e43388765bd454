// What a frame may hold. Each bound is of the wire itself, or keeps a hostile frame from costing
// more than its bytes.

/** The header's length field has 16 bits. */
export const payloadBytesMax = 65_535;

/** Magic, flags, length; eight bytes more where the frame has a timestamp of its own. */
export const headerBytes = 4;
export const frameTimestampBytes = 8;

// What the three come to.
export const frameBytesMax: number = headerBytes + frameTimestampBytes + payloadBytesMax;

/** Arrays and maps in each other: readers recurse, and nobody nests a light deeper. */
export const valueDepthMax = 32;

/** Bundles in bundles: routers pass over an inner one, so one is enough to be polite. */
export const bundleDepthMax = 2;

/** A legacy frame wraps values into a message, its list and that list's entries. */
export const legacyDepthMax: number = valueDepthMax + 4;

/**
 * Of address, value, writer and what a SNAPSHOT says around them: a param above this could be
 * written and never told to a late joiner, because its entry would not fit into a frame.
 */
export const snapshotEntryBytesMax: number = payloadBytesMax - 3;
