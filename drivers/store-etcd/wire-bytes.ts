// Protocol buffers as bytes: varints and length-delimited fields, which is all that etcd's messages
// are made of. Integers are safe ones or refused; identifiers of 64 bits travel as hexadecimal
// text.
import { fromHex, HansaError, toHex } from '@hansa/foundation';

const firstBytes = 256; // most requests are shorter; the buffer doubles
const varintBytesMax = 10; // of 64 bits
const septet = 128;
const idHexDigits = 16;

/** The two kinds of field that occur, by their numbers on the wire. */
export const varintWire = 0;
export const bytesWire = 2;

export class ProtoWriter {
  // From Node's pool: a memory of its own for every small request is what the collector pays for.
  #buffer: Uint8Array = Buffer.allocUnsafe(firstBytes);
  #length = 0;

  finish(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  tag(id: number, wire: number): void {
    this.varint(id * 8 + wire);
  }

  /** A safe integer; negative ones take all ten bytes, as two's complement of 64 bits. */
  varint(value: number): void {
    if (value < 0) {
      this.#big(BigInt.asUintN(64, BigInt(value)));
      return;
    }
    this.#reserve(varintBytesMax);
    let rest = value;
    while (rest >= septet) {
      this.#put((rest % septet) + septet);
      rest = Math.floor(rest / septet);
    }
    this.#put(rest);
  }

  /** Hexadecimal digits of an unsigned 64-bit number. */
  id(hex: string): void {
    this.#big(BigInt(`0x${hex}`));
  }

  bytes(bytes: Uint8Array): void {
    this.varint(bytes.length);
    this.#reserve(bytes.length);
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  #big(value: bigint): void {
    this.#reserve(varintBytesMax);
    let rest = value;
    while (rest >= 128n) {
      this.#put(Number(rest & 127n) + septet);
      rest >>= 7n;
    }
    this.#put(Number(rest));
  }

  #put(byte: number): void {
    this.#buffer[this.#length] = byte;
    this.#length += 1;
  }

  #reserve(more: number): void {
    const needed = this.#length + more;
    if (needed > this.#buffer.length) {
      const grown = Buffer.allocUnsafe(Math.max(needed, 2 * this.#buffer.length));
      grown.set(this.#buffer.subarray(0, this.#length));
      this.#buffer = grown;
    }
  }
}

export class ProtoReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  get isAtEnd(): boolean {
    return this.#at >= this.#bytes.length;
  }

  varint(): number {
    const start = this.#at;
    let value = 0;
    let scale = 1;
    for (let count = 1; count <= varintBytesMax; count += 1) {
      const byte = this.#next();
      value += (byte % septet) * scale;
      scale *= septet;
      if (byte < septet) {
        return count < varintBytesMax ? safe(value) : this.#signed(start);
      }
    }
    throw damaged('a number is longer than 64 bits');
  }

  id(): string {
    return toHex(bigBytes(this.#big()));
  }

  bytes(): Uint8Array {
    // A copy: what is kept of a large answer must not keep all of it.
    return new Uint8Array(this.part());
  }

  /** As `bytes`, but valid only as long as the message is. */
  part(): Uint8Array {
    const length = this.varint();
    const end = this.#at + length;
    if (length < 0 || end > this.#bytes.length) {
      throw damaged('a field is longer than its message');
    }
    const part = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return part;
  }

  /** Over a field that nobody here asks for: newer servers say more. */
  skip(wire: number): void {
    if (wire === varintWire) {
      this.#big();
    } else if (wire === bytesWire) {
      this.part();
    } else {
      throw damaged(`no field here is of the kind ${wire}`);
    }
  }

  #signed(start: number): number {
    this.#at = start;
    return safe(Number(BigInt.asIntN(64, this.#big())));
  }

  #big(): bigint {
    let value = 0n;
    for (let count = 0n; count < BigInt(varintBytesMax); count += 1n) {
      const byte = this.#next();
      value |= BigInt(byte % septet) << (7n * count);
      if (byte < septet) {
        return BigInt.asUintN(64, value);
      }
    }
    throw damaged('a number is longer than 64 bits');
  }

  #next(): number {
    const byte = this.#bytes[this.#at];
    if (byte === undefined) {
      throw damaged('a message ends within a field');
    }
    this.#at += 1;
    return byte;
  }
}

function safe(value: number): number {
  if (!Number.isSafeInteger(value)) {
    throw damaged('a number is beyond the safe integers');
  }
  return value;
}

function bigBytes(value: bigint): Uint8Array {
  return fromHex(value.toString(16).padStart(idHexDigits, '0'));
}

function damaged(message: string): HansaError {
  return new HansaError('OUTPUT_INVALID', `etcd’s answer is malformed: ${message}`);
}
