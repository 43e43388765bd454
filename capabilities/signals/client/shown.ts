// Values between the wire and JSON: what people read and give.
import { toBase64Url } from '@hansa/foundation';
import type { GivenValue, ShownValue } from '../contract.ts';
import type { WireValue } from '../frames/messages.ts';
import { readValue, wireValue, type SignalValue } from '../frames/values.ts';

export function shownValue(value: WireValue): ShownValue {
  return shown(readValue(value));
}

export function shownNumber(value: number): ShownValue {
  return Number.isFinite(value) ? value : String(value);
}

function shown(value: SignalValue): ShownValue {
  switch (typeof value) {
    case 'number':
      return shownNumber(value);
    case 'bigint':
      return BigInt(Number(value)) === value && Number.isSafeInteger(Number(value))
        ? Number(value)
        : String(value);
    case 'object':
      return shownObject(value);
    default:
      return value;
  }
}

function shownObject(value: Extract<SignalValue, object | null>): ShownValue {
  if (value === null) {
    return null;
  }
  if (value instanceof Uint8Array) {
    return `base64:${toBase64Url(value)}`;
  }
  return value instanceof Map
    ? Object.fromEntries(
        [...(value as ReadonlyMap<string, SignalValue>)].map(([key, item]) => [key, shown(item)]),
      )
    : (value as readonly SignalValue[]).map(shown);
}

/** SIGNAL_FRAME_TOO_LARGE where it is too large, or nested too deeply. */
export function givenValue({ value, whole = false }: GivenValue): WireValue {
  return wireValue(given(value, whole));
}

function given(value: ShownValue, whole: boolean): SignalValue {
  if (typeof value === 'number') {
    return whole && Number.isSafeInteger(value) ? BigInt(value) : value;
  }
  if (typeof value !== 'object' || value === null) {
    return value;
  }
  if (isList(value)) {
    return value.map((item) => given(item, whole));
  }
  return new Map(Object.entries(value).map(([key, item]) => [key, given(item, whole)]));
}

function isList(value: object): value is readonly ShownValue[] {
  return Array.isArray(value);
}
