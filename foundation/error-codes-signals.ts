// The part of the register of error codes that is about the signal router and its wire.

export const signalErrorCodes = {
  SIGNAL_FRAME_INVALID: { status: 400, exit: 2, meaning: 'the bytes are no signal frame' },
  SIGNAL_FRAME_TOO_LARGE: {
    status: 413,
    exit: 2,
    meaning: 'what was to be sent does not fit into a signal frame',
    fix: 'send it in parts: a frame holds 65,535 bytes',
  },
} as const;
