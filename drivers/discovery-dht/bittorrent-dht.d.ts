// What this driver uses of bittorrent-dht, which brings no types of its own.
declare module 'bittorrent-dht' {
  import type { Socket } from 'node:dgram';
  import type { EventEmitter } from 'node:events';

  export interface ClientOptions {
    /** `host:port`; the library's own public nodes where it is not given. */
    readonly bootstrap: readonly string[];
    readonly socket?: Socket;
    readonly verify: (signature: Uint8Array, message: Uint8Array, key: Uint8Array) => boolean;
  }

  export interface MutableItem {
    readonly k: Buffer;
    readonly salt: Buffer;
    readonly seq: number;
    readonly v: Buffer;
    readonly sign: (message: Uint8Array) => Buffer;
  }

  /** As it came from the network: whatever somebody has put into it. */
  export interface FoundItem {
    readonly v: unknown;
    readonly seq?: unknown;
  }

  export class Client extends EventEmitter {
    constructor(options: ClientOptions);
    readonly nodes: { toArray(): readonly unknown[] };
    listen(port: number, host: string): void;
    address(): { readonly address: string; readonly port: number };
    put(item: MutableItem, done: (error: Error | null, key?: Buffer, nodes?: number) => void): void;
    get(
      target: Buffer,
      options: { readonly salt: Buffer; readonly cache: boolean },
      done: (error: Error | null, item: FoundItem | null) => void,
    ): void;
    destroy(done: () => void): void;
  }
}
