// Frames out of a byte stream, each with its length in four bytes before it. A frame that arrived
// whole is a view of what arrived; only one that came in pieces is put together.
import { frameBytesMax, tcpHeaderBytes } from './framing.ts';

/** Of one frame: who sends byte by byte costs bytes, not an object for each of them. */
const piecesMax = 64;

export class FrameParser {
  #rest: Buffer[] = [];
  #restBytes = 0;
  /** How many bytes the next step needs: a header, or the header and its frame. */
  #wanted = tcpHeaderBytes;

  /** False where a length is announced that no frame has: nothing can be read after that. */
  feed(chunk: Buffer, found: (frame: Uint8Array) => void): boolean {
    this.#rest.push(chunk);
    this.#restBytes += chunk.length;
    if (this.#restBytes < this.#wanted) {
      if (this.#rest.length > piecesMax) {
        this.#rest = [Buffer.concat(this.#rest)];
      }
      return true;
    }
    const [only] = this.#rest;
    const bytes = this.#rest.length === 1 && only !== undefined ? only : Buffer.concat(this.#rest);
    let at = 0;
    this.#wanted = tcpHeaderBytes;
    while (bytes.length - at >= tcpHeaderBytes) {
      const length = bytes.readUInt32BE(at);
      if (length > frameBytesMax) {
        return false;
      }
      this.#wanted = tcpHeaderBytes + length;
      if (bytes.length - at < this.#wanted) {
        break;
      }
      const start = at + tcpHeaderBytes;
      found(new Uint8Array(bytes.buffer, bytes.byteOffset + start, length));
      at = start + length;
      this.#wanted = tcpHeaderBytes;
    }
    this.#rest = at === bytes.length ? [] : [bytes.subarray(at)];
    this.#restBytes = bytes.length - at;
    return true;
  }
}
