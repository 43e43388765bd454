// What may be encoded: plain data, and nothing that would come back as something else. Checked
// before encoding, so that a fault shows where it is made and not where the bytes are read.
import { HansaError } from '@hansa/foundation';
import { depthMax, valuesMax } from './limits.ts';

const firstSurrogate = 0xd800;
const loopLengthMax = 64; // characters; from there on the expression wins

interface Walk {
  values: number;
}

/** Throws INPUT_INVALID unless the value is plain data that decodes to itself. */
export function checkPlain(value: unknown): void {
  checkValue(value, 0, { values: 0 });
}

function checkValue(value: unknown, depth: number, walk: Walk): void {
  walk.values += 1;
  if (walk.values > valuesMax) {
    refuse(`a value has at most ${valuesMax} parts`);
  }
  switch (typeof value) {
    case 'boolean':
    case 'number':
      return;
    case 'string':
      checkText(value);
      return;
    case 'object':
      checkObject(value, depth, walk);
      return;
    default:
      refuse(`a ${typeof value} cannot be encoded`);
  }
}

function checkObject(value: object | null, depth: number, walk: Walk): void {
  if (value === null || value instanceof Uint8Array) {
    return;
  }
  if (depth >= depthMax) {
    refuse(`a value nests at most ${depthMax} deep`);
  }
  if (Array.isArray(value)) {
    for (const item of value) {
      checkValue(item, depth + 1, walk);
    }
    return;
  }
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) {
    refuse('an object of a class cannot be encoded');
  }
  for (const [key, field] of Object.entries(value)) {
    if (key === '__proto__') {
      refuse('"__proto__" is not a field');
    }
    checkText(key);
    // Absent and undefined are the same thing in a record: the field is left out.
    if (field !== undefined) {
      checkValue(field, depth + 1, walk);
    }
  }
}

// A lone surrogate has no UTF-8; encoders silently replace it.
function checkText(text: string): void {
  // Measured: on names and other short text the loop is several times as fast.
  for (let i = 0; i < text.length && i < loopLengthMax; i += 1) {
    if (text.charCodeAt(i) >= firstSurrogate) {
      checkPairs(text);
      return;
    }
  }
  if (text.length > loopLengthMax) {
    checkPairs(text);
  }
}

function checkPairs(text: string): void {
  if (/\p{Surrogate}/u.test(text)) {
    refuse('text with half a surrogate pair cannot be encoded');
  }
}

function refuse(why: string): never {
  throw new HansaError('INPUT_INVALID', why);
}
