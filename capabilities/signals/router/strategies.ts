// What becomes of a write: refused by its expectation, by somebody's lock, or by the strategy of
// its address; or taken, with the value that the strategy makes of it. Pure: changes only the
// record that it is given.
import { signalErrors, type WireValue } from '../frames/messages.ts';
import { numberOf } from '../frames/values.ts';
import { mergedMaps } from './merging.ts';
import type { Param, ParamWrite, Refusal, Strategy } from './param.ts';

/** Undefined where the write is taken. There is always a reason only where there is a record. */
export function refusalOf(param: Param, write: ParamWrite): Refusal | undefined {
  if (write.expected !== undefined && write.expected !== param.revision) {
    const actual = param.revision;
    return conflict(write, `RevisionConflict { expected: ${write.expected}, actual: ${actual} }`);
  }
  // An unlock is a write like any other: only the holder's passes.
  const isHeld = param.holder !== undefined && param.holder !== write.writer;
  if (isHeld && write.isOwners !== true) {
    return conflict(write, `LockHeld { holder: "${param.holder}" }`);
  }
  // What another router took was judged there; judging it again would only let the two differ.
  if (write.link !== undefined) {
    return undefined;
  }
  return loses(param, write.value) ? conflict(write, 'ConflictRejected') : undefined;
}

function loses(param: Param, value: WireValue): boolean {
  switch (param.strategy) {
    case 'first':
      return true;
    case 'max':
      return !exceeds(value, param.value);
    case 'min':
      return !exceeds(value, param.value, -1);
    default:
      return false;
  }
}

/**
 * Integers and floats are compared as numbers, since one client sends 5 and another 5.0. Anything
 * gives way to a number, and a number to none but a better one.
 */
function exceeds(value: WireValue, held: WireValue, sign = 1): boolean {
  const old = numberOf(held);
  if (old === undefined || Number.isNaN(old)) {
    return true;
  }
  const offered = numberOf(value);
  if (offered === undefined) {
    return false;
  }
  return sign > 0 ? offered > old : offered < old;
}

/** What stands at the address after the write was taken. */
export function valueAfter(param: Param, write: ParamWrite): WireValue {
  const merges = param.strategy === 'merge' && write.link === undefined;
  return merges ? mergedMaps(param.value, write.value) : write.value;
}

/** Who holds the lock after the write was taken; `holder` held it before. */
export function holderAfter(
  holder: string | undefined,
  strategy: Strategy,
  write: ParamWrite,
): string | undefined {
  if (write.unlock || write.isOwners === true) {
    return undefined;
  }
  const isHere = write.link === undefined && write.isAfar !== true;
  const takes = write.lock || (strategy === 'lock' && isHere);
  return takes ? write.writer : holder;
}

function conflict(write: ParamWrite, message: string): Refusal {
  return { code: signalErrors.conflict, message, address: write.address };
}
