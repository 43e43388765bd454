// A message as a table of its fields: number and kind of each, checked against its type by the
// compiler. Fields that are absent, empty or zero are left out, as the third version of protocol
// buffers wants it; what is one of a choice is written also where it is zero.
import { emptyBytes, fromUtf8, utf8 } from '@hansa/foundation';
import { bytesWire, ProtoReader, ProtoWriter, varintWire } from './wire-bytes.ts';

export interface Codec<T> {
  encode(given: T): Uint8Array;
  decode(bytes: Uint8Array): T;
}

export interface Field<T> {
  readonly id: number;
  readonly wire: number;
  /** What an answer without the field means; undefined where it means that there is none. */
  readonly initial: () => T | undefined;
  readonly isLeftOut: (value: T) => boolean;
  readonly write: (writer: ProtoWriter, value: T) => void;
  readonly read: (reader: ProtoReader, before: T | undefined) => T;
}

export type Fields<T> = { readonly [K in keyof T]-?: Field<NonNullable<T[K]>> };

interface Item<T> {
  readonly wire: number;
  readonly write: (writer: ProtoWriter, value: T) => void;
  readonly read: (reader: ProtoReader) => T;
}

interface Kind<T> extends Item<T> {
  readonly zero: T;
  readonly isZero: (value: T) => boolean;
}

const intKind: Kind<number> = {
  wire: varintWire,
  zero: 0,
  isZero: (value) => value === 0,
  write: (writer, value) => writer.varint(value),
  read: (reader) => reader.varint(),
};

const flagKind: Kind<boolean> = {
  wire: varintWire,
  zero: false,
  isZero: (value) => !value,
  write: (writer, value) => writer.varint(value ? 1 : 0),
  read: (reader) => reader.varint() !== 0,
};

const idKind: Kind<string> = {
  wire: varintWire,
  zero: '',
  isZero: (value) => value === '',
  write: (writer, value) => writer.id(value === '' ? '0' : value),
  read: (reader) => {
    const hex = reader.id();
    return /^0+$/.test(hex) ? '' : hex;
  },
};

const bytesKind: Kind<Uint8Array> = {
  wire: bytesWire,
  zero: emptyBytes,
  isZero: (value) => value.length === 0,
  write: (writer, value) => writer.bytes(value),
  read: (reader) => reader.bytes(),
};

const textKind: Kind<string> = {
  wire: bytesWire,
  zero: '',
  isZero: (value) => value === '',
  write: (writer, value) => writer.bytes(utf8(value)),
  read: (reader) => fromUtf8(reader.part()),
};

function field<T>(id: number, kind: Kind<T>): Field<T> {
  const { wire, zero, isZero, write, read } = kind;
  return { id, wire, initial: () => zero, isLeftOut: isZero, write, read };
}

function chosen<T>(id: number, kind: Kind<T>): Field<T> {
  return { ...field(id, kind), initial: () => undefined, isLeftOut: () => false };
}

function repeated<T>(id: number, kind: Item<T>): Field<readonly T[]> {
  return {
    id,
    wire: kind.wire,
    initial: () => [],
    isLeftOut: (values) => values.length === 0,
    write: (writer, values) => {
      values.forEach((value, index) => {
        if (index > 0) {
          writer.tag(id, kind.wire); // the first one's is written by the message
        }
        kind.write(writer, value);
      });
    },
    read: (reader, before = []) => {
      // The list that `initial` made for this message, which nobody else has yet.
      const values = before as T[];
      values.push(kind.read(reader));
      return values;
    },
  };
}

function within<T>(codec: Codec<T>): Item<T> {
  return {
    wire: bytesWire,
    write: (writer, value) => writer.bytes(codec.encode(value)),
    read: (reader) => codec.decode(reader.part()),
  };
}

/** A safe integer. */
export const int = (id: number): Field<number> => field(id, intKind);
export const chosenInt = (id: number): Field<number> => chosen(id, intKind);
export const flag = (id: number): Field<boolean> => field(id, flagKind);
/** 64 bits as sixteen hexadecimal digits; empty for zero, which is nobody's. */
export const id64 = (id: number): Field<string> => field(id, idKind);
export const chosenId64 = (id: number): Field<string> => chosen(id, idKind);
export const bytes = (id: number): Field<Uint8Array> => field(id, bytesKind);
export const chosenBytes = (id: number): Field<Uint8Array> => chosen(id, bytesKind);
export const text = (id: number): Field<string> => field(id, textKind);
export const manyBytes = (id: number): Field<readonly Uint8Array[]> => repeated(id, bytesKind);
export const manyTexts = (id: number): Field<readonly string[]> => repeated(id, textKind);

/** A message within a message; an empty one is there all the same. */
export function one<T>(id: number, codec: Codec<T>): Field<T> {
  return { id, ...within(codec), initial: () => undefined, isLeftOut: () => false };
}

export function many<T>(id: number, codec: Codec<T>): Field<readonly T[]> {
  return repeated(id, within(codec));
}

/** For messages that hold themselves. */
export function later<T>(codec: () => Codec<T>): Codec<T> {
  return {
    encode: (given) => codec().encode(given),
    decode: (given) => codec().decode(given),
  };
}

interface Slot<T> {
  readonly write: (writer: ProtoWriter, whole: T) => void;
  readonly start: (whole: T) => void;
  readonly read: (reader: ProtoReader, whole: T) => void;
  readonly wire: number;
}

function slot<T, K extends keyof T>(key: K, of: Field<NonNullable<T[K]>>): Slot<T> {
  return {
    wire: of.wire,
    write: (writer, whole) => {
      const value = whole[key];
      if (value !== undefined && value !== null && !of.isLeftOut(value)) {
        writer.tag(of.id, of.wire);
        of.write(writer, value);
      }
    },
    start: (whole) => {
      const value = of.initial();
      if (value !== undefined) {
        whole[key] = value;
      }
    },
    read: (reader, whole) => {
      whole[key] = of.read(reader, whole[key] ?? undefined);
    },
  };
}

export function message<T extends object>(fields: Fields<T>): Codec<T> {
  // The table has exactly the keys of the type.
  const keys = Object.keys(fields) as (keyof T)[];
  const slots = keys.map((key) => slot<T, keyof T>(key, fields[key]));
  const byId = new Map(keys.map((key, index) => [fields[key].id, slots[index]]));
  return {
    encode(given) {
      const writer = new ProtoWriter();
      for (const { write } of slots) {
        write(writer, given);
      }
      return writer.finish();
    },
    decode(given) {
      // Whole once every slot has put its initial value.
      const made = {} as T;
      for (const { start } of slots) {
        start(made);
      }
      const reader = new ProtoReader(given);
      while (!reader.isAtEnd) {
        const tag = reader.varint();
        const wire = tag % 8;
        const found = byId.get((tag - wire) / 8);
        if (found === undefined || found.wire !== wire) {
          reader.skip(wire);
        } else {
          found.read(reader, made);
        }
      }
      return made;
    },
  };
}
