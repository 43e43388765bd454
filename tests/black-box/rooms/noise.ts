// Bytes that no compression makes smaller, the same for the same seed: packs of a known size.
import { createCipheriv, createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';

export function noise({ bytes, seed }: { bytes: number; seed: number }): Buffer {
  const key = createHash('sha256').update(`noise ${seed}`).digest();
  return createCipheriv('aes-256-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(bytes));
}

export function noiseFile(path: string, what: { bytes: number; seed: number }): void {
  writeFileSync(path, noise(what));
}
