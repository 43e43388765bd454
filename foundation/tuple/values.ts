// What a tuple can be made of. Integers are plain numbers, or bigints where they are larger; what
// JavaScript has no type of its own for is named by what it is.

export type TupleValue =
  | null
  | boolean
  | string
  | Uint8Array
  /** An integer; what is none is a `double`. */
  | number
  | bigint
  | TupleFloat
  | TupleDouble
  | TupleUuid
  | TupleVersionstamp
  | readonly TupleValue[];

/** 32 bits; of a NaN that is not the usual one, its four bytes in IEEE's order. */
export interface TupleFloat {
  readonly float: number | Uint8Array;
}

/** 64 bits; of a NaN that is not the usual one, its eight bytes in IEEE's order. */
export interface TupleDouble {
  readonly double: number | Uint8Array;
}

export interface TupleUuid {
  /** With its four dashes; lower-case where it was read. */
  readonly uuid: string;
}

/** Twelve bytes: eight of a version, two of a batch, two of an order within it. */
export interface TupleVersionstamp {
  readonly versionstamp: Uint8Array;
}
