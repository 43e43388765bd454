// The fields of a legacy message, each asked for by its name and checked for its type.
import { typeMask } from './codes.ts';
import { malformed } from './malformed.ts';
import {
  allTypesMask,
  signalTypes,
  ttlAbsoluteBit,
  type SignalType,
  type WireValue,
} from './messages.ts';
import { isList, isMap, unpackedValue, type Unpacked, type UnpackedMap } from './msgpack.ts';
import { wireValue } from './values.ts';

export class Fields {
  readonly #map: UnpackedMap;

  constructor(map: UnpackedMap) {
    this.#map = map;
  }

  static of(unpacked: Unpacked | undefined): Fields {
    if (!isMap(unpacked)) {
      throw malformed('a legacy frame holds something else where a map belongs');
    }
    return new Fields(unpacked);
  }

  #get(name: string): Unpacked | undefined {
    return this.#map.get(name) ?? undefined;
  }

  text(name: string): string {
    return this.textMaybe(name) ?? missing(name);
  }

  textMaybe(name: string): string | undefined {
    const value = this.#get(name);
    return value === undefined || typeof value === 'string' ? value : missing(name);
  }

  /** Unsigned; what exceeds 2^53 - 1 is read as that. */
  whole(name: string): number {
    return this.wholeMaybe(name) ?? missing(name);
  }

  wholeMaybe(name: string): number | undefined {
    const value = this.#get(name);
    if (value === undefined) {
      return undefined;
    }
    // Some encoders write every number as a float.
    const number = typeof value === 'bigint' ? Number(value) : value;
    if (typeof number !== 'number' || !(number >= 0) || !Number.isInteger(number)) {
      return missing(name);
    }
    return Math.min(number, Number.MAX_SAFE_INTEGER);
  }

  /** Unsigned, of 32 bits. */
  shortWholeMaybe(name: string): number | undefined {
    const value = this.wholeMaybe(name);
    return value === undefined || value <= 0xffff_ffff ? value : missing(name);
  }

  floatMaybe(name: string): number | undefined {
    const value = this.#get(name);
    return value === undefined ? undefined : floatOf(value, name);
  }

  /** False where it is absent. */
  flag(name: string): boolean {
    return this.flagMaybe(name) ?? false;
  }

  flagMaybe(name: string): boolean | undefined {
    const value = this.#get(name);
    return value === undefined || typeof value === 'boolean' ? value : missing(name);
  }

  /** Where the name is there, a null is a value as others are. */
  valueMaybe(name: string): WireValue | undefined {
    const value = this.#map.get(name);
    return value === undefined ? undefined : wireValue(unpackedValue(value));
  }

  value(name: string): WireValue {
    return this.valueMaybe(name) ?? missing(name);
  }

  /** Empty where it is absent. */
  list(name: string): readonly Unpacked[] {
    const value = this.#get(name);
    if (value === undefined) {
      return [];
    }
    return isList(value) ? value : missing(name);
  }

  fieldsMaybe(name: string): Fields | undefined {
    const value = this.#get(name);
    return value === undefined ? undefined : Fields.of(value);
  }

  texts(name: string): readonly string[] {
    return this.list(name).map((entry) => (typeof entry === 'string' ? entry : missing(name)));
  }

  floats(name: string): readonly number[] | undefined {
    const value = this.#get(name);
    return value === undefined ? undefined : this.list(name).map((entry) => floatOf(entry, name));
  }

  /** Pairs of a name and an unsigned number. */
  numbers(name: string): readonly (readonly [string, number])[] {
    const value = this.#get(name);
    if (value === undefined) {
      return [];
    }
    const fields = Fields.of(value);
    return [...fields.#map.keys()].map((key) => [key, fields.whole(key)] as const);
  }

  signalMaybe(name: string): SignalType | undefined {
    const value = this.textMaybe(name);
    return value === undefined ? undefined : signalNamed(value);
  }

  mask(name: string): number {
    const types = this.texts(name).map(signalNamed);
    return types.length === 0 ? allTypesMask : typeMask(types);
  }

  /** `"Never"`, or a map of one: `{Sliding: seconds}` or `{Absolute: seconds}`. */
  ttlMaybe(name: string): number | undefined {
    const value = this.#get(name);
    if (value === undefined) {
      return undefined;
    }
    if (value === 'Never') {
      return 0;
    }
    const fields = Fields.of(value);
    const sliding = fields.wholeMaybe('Sliding');
    const seconds = sliding ?? fields.whole('Absolute');
    if (seconds >= ttlAbsoluteBit) {
      return missing(name);
    }
    return sliding === undefined ? seconds + ttlAbsoluteBit : seconds;
  }
}

function floatOf(value: Unpacked, name: string): number {
  return typeof value === 'number' || typeof value === 'bigint' ? Number(value) : missing(name);
}

function signalNamed(name: string): SignalType {
  return signalTypes.find((type) => type === name) ?? missing('type of a signal');
}

function missing(name: string): never {
  throw malformed(`a legacy frame lacks a fitting “${name}”`);
}
