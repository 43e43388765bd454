// The part of the register of error codes that is about what parties of a cluster share by turns:
// locks, counters, queues and services.

export const coordinationErrorCodes = {
  COORDINATION_BUSY: {
    status: 409,
    exit: 5,
    meaning: 'somebody else has it, and the wait is over',
    fix: 'wait longer, or try again later',
  },
  COORDINATION_LOST: {
    status: 409,
    exit: 5,
    meaning: 'the hold is over: its time ran out, it was given back, or somebody newer has it',
    fix: 'stop what it guarded, and ask anew',
  },
  COORDINATION_NOT_FOUND: { status: 404, exit: 3, meaning: 'nothing has that name' },
  COORDINATION_EXISTS: { status: 409, exit: 5, meaning: 'the name is taken' },
  COORDINATION_FULL: { status: 409, exit: 5, meaning: 'as many as may be are there already' },
  COORDINATION_DIFFERS: { status: 409, exit: 5, meaning: 'it was made with other settings' },
  COUNTER_RANGE: { status: 409, exit: 5, meaning: 'the number would leave its range' },
} as const;
