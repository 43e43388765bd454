// BLAKE3 of short inputs by a WebAssembly module: a call into native code costs a microsecond and
// an allocation outside the heap, more than the hash of what a digest, a chain or a token is made
// of.
import { createRequire } from 'node:module';
import type { createBLAKE3 as Create } from 'hash-wasm';

// The one algorithm: the package's main module carries twenty, and takes their memory.
const load = createRequire(import.meta.url);
const { createBLAKE3 } = load('hash-wasm/dist/blake3.umd.min.js') as {
  readonly createBLAKE3: typeof Create;
};

// One for all: nothing asynchronous happens between the beginning and the end of a hash.
let state: Awaited<ReturnType<typeof Create>> | undefined;
void createBLAKE3().then((ready) => (state = ready));

// Measured: here the native implementation's vectors begin to outweigh its call.
export const shortBytesMax = 3_072;

/** Undefined: the input is too long for it, or the module is not ready, some milliseconds long. */
export function shortBlake3(bytes: Uint8Array): Uint8Array | undefined {
  return bytes.length > shortBytesMax ? undefined : state?.init().update(bytes).digest('binary');
}
