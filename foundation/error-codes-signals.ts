// The part of the register of error codes that is about the signal router and its wire.

export const signalErrorCodes = {
  NAMESPACE_TAKEN: {
    status: 409,
    exit: 5,
    meaning: 'another namespace has these addresses for another cluster',
    fix: 'hansa namespace list shows which: choose other addresses, or remove it first',
  },
  SIGNAL_FRAME_INVALID: { status: 400, exit: 2, meaning: 'the bytes are no signal frame' },
  SIGNAL_FRAME_TOO_LARGE: {
    status: 413,
    exit: 2,
    meaning: 'what was to be sent does not fit into a signal frame',
    fix: 'send it in parts: a frame holds 65,535 bytes',
  },
  // what a router answered
  SIGNAL_ADDRESS_INVALID: {
    status: 400,
    exit: 2,
    meaning: 'the router takes this for no address or no pattern',
    fix: 'write an address as /stage/light/1; * and ** stand in patterns alone',
  },
  SIGNAL_CONFLICT: {
    status: 409,
    exit: 5,
    meaning: 'the write lost: to a newer revision, a lock, or the rule of its address',
    fix: 'read what stands there with "hansa signal get", then decide again',
  },
  SIGNAL_FORBIDDEN: {
    status: 403,
    exit: 4,
    meaning: 'the token’s scopes or the address’s owner do not allow it',
    fix: 'ask whoever runs the router for a scope, or write at an address of your own',
  },
  SIGNAL_NOT_FOUND: { status: 404, exit: 3, meaning: 'nothing was set at this address' },
  SIGNAL_NO_JOURNAL: {
    status: 404,
    exit: 3,
    meaning: 'the router remembers nothing of what passes there',
    fix: 'hansa signal rule put <pattern> --journal <entries>; alone: hansa signal serve --journal',
  },
  SIGNAL_OWNER_AWAY: {
    status: 503,
    exit: 6,
    meaning: 'the router that owns the address cannot be reached, or did not answer',
    fix: 'try again later: "hansa signal peers", or the log of hansa signal serve, tells of it',
  },
  SIGNAL_TOKEN_EXPIRED: {
    status: 401,
    exit: 4,
    meaning: 'the token’s time is over',
    fix: 'ask whoever runs the router for a new one',
  },
  SIGNAL_UNAUTHENTICATED: {
    status: 401,
    exit: 4,
    meaning: 'the router asks for a token that it knows',
    fix: 'give one with --token or HANSA_SIGNAL_TOKEN',
  },
} as const;
