// Reads frames of the wire by protocol/wire.md and by nothing of the product: MessagePack of the
// few kinds that are spoken there.

export type Plain =
  | null
  | boolean
  | number
  | string
  | Uint8Array
  | readonly Plain[]
  | { readonly [key: string]: Plain };

export interface ReadFrame {
  /** `result`, `item`, `error`, …; `greeting` for what is no list. */
  readonly kind: string;
  readonly id: number;
  readonly value: Plain;
  /** The bytes after kind and id: two answers are alike where these are. */
  readonly rest: Uint8Array;
}

const kinds = ['', 'call', 'watch', 'result', 'error', 'item', 'end', 'cancel', 'credit'];

export function readFrame(bytes: Uint8Array): ReadFrame {
  const reader = new Reader(bytes);
  const count = reader.listLength();
  if (count === undefined) {
    return { kind: 'greeting', id: 0, value: reader.value(), rest: bytes };
  }
  const kind = kinds[Number(reader.value())] ?? '';
  const id = Number(reader.value());
  const rest = bytes.slice(reader.at);
  const value: Plain[] = [];
  for (let at = 2; at < count; at += 1) {
    value.push(reader.value());
  }
  if (kind === '' || reader.at !== bytes.length) {
    throw new Error('this is no frame');
  }
  return { kind, id, value, rest };
}

/** Every text and every byte string in it, keys included. */
export function* leaves(value: Plain): Iterable<string | Uint8Array> {
  if (typeof value === 'string' || value instanceof Uint8Array) {
    yield value;
  } else if (Array.isArray(value)) {
    for (const each of value as readonly Plain[]) {
      yield* leaves(each);
    }
  } else if (typeof value === 'object' && value !== null) {
    for (const [key, each] of Object.entries(value)) {
      yield key;
      yield* leaves(each);
    }
  }
}

class Reader {
  at = 0;
  readonly #bytes: Uint8Array;
  readonly #view: DataView;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  /** Of a list that begins here; else undefined, and nothing was read. */
  listLength(): number | undefined {
    const head = this.#view.getUint8(this.at);
    const isList = (head & 0xf0) === 0x90 || head === 0xdc || head === 0xdd;
    if (!isList) {
      return undefined;
    }
    this.at += 1;
    return head < 0xa0 ? head & 0x0f : this.#uint(head === 0xdc ? 2 : 4);
  }

  value(): Plain {
    const count = this.listLength();
    if (count !== undefined) {
      return Array.from({ length: count }, () => this.value());
    }
    const head = this.#uint(1);
    if (head < 0x80) {
      return head;
    }
    if (head < 0x90) {
      return this.#map(head & 0x0f);
    }
    if (head < 0xc0) {
      return this.#text(head & 0x1f);
    }
    return head >= 0xe0 ? head - 0x100 : this.#long(head);
  }

  #long(head: number): Plain {
    switch (head) {
      case 0xc0:
        return null;
      case 0xc2:
      case 0xc3:
        return head === 0xc3;
      case 0xc4:
      case 0xc5:
      case 0xc6:
        return this.#take(this.#uint(2 ** (head - 0xc4)));
      case 0xca:
        return this.#moved(4, this.#view.getFloat32(this.at));
      case 0xcb:
        return this.#moved(8, this.#view.getFloat64(this.at));
      case 0xcc:
      case 0xcd:
      case 0xce:
      case 0xcf:
        return this.#uint(2 ** (head - 0xcc));
      case 0xd0:
        return this.#moved(1, this.#view.getInt8(this.at));
      case 0xd1:
        return this.#moved(2, this.#view.getInt16(this.at));
      case 0xd2:
        return this.#moved(4, this.#view.getInt32(this.at));
      case 0xd3:
        return this.#moved(8, Number(this.#view.getBigInt64(this.at)));
      case 0xd9:
      case 0xda:
      case 0xdb:
        return this.#text(this.#uint(2 ** (head - 0xd9)));
      case 0xde:
      case 0xdf:
        return this.#map(this.#uint(head === 0xde ? 2 : 4));
      default:
        throw new Error(`0x${head.toString(16)} is not spoken on the wire`);
    }
  }

  #map(count: number): Plain {
    const map: Record<string, Plain> = {};
    for (let at = 0; at < count; at += 1) {
      const key = this.value();
      if (typeof key !== 'string') {
        throw new Error('a field has a name that is no text');
      }
      map[key] = this.value();
    }
    return map;
  }

  #text(length: number): string {
    return new TextDecoder('utf-8', { fatal: true }).decode(this.#take(length));
  }

  #take(length: number): Uint8Array {
    const end = this.at + length;
    if (end > this.#bytes.length) {
      throw new Error('the frame ends too early');
    }
    const taken = this.#bytes.slice(this.at, end);
    this.at = end;
    return taken;
  }

  #uint(size: number): number {
    const { at } = this;
    switch (size) {
      case 1:
        return this.#moved(1, this.#view.getUint8(at));
      case 2:
        return this.#moved(2, this.#view.getUint16(at));
      case 4:
        return this.#moved(4, this.#view.getUint32(at));
      default:
        return this.#moved(8, Number(this.#view.getBigUint64(at)));
    }
  }

  #moved(size: number, value: number): number {
    this.at += size;
    return value;
  }
}
