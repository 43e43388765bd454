// Schemas for byte strings of a known length: hashes, keys, signatures.
import { z } from 'zod';

export const bytesSchema: z.ZodType<Uint8Array> = z.custom<Uint8Array>(
  (value) => value instanceof Uint8Array,
  'expected bytes',
);
export const hashSchema: z.ZodType<Uint8Array> = ofLength(32, 'expected a 32-byte hash');
export const signatureSchema: z.ZodType<Uint8Array> = ofLength(64, 'expected a 64-byte signature');

function ofLength(length: number, message: string): z.ZodType<Uint8Array> {
  return z.custom<Uint8Array>(
    (value) => value instanceof Uint8Array && value.length === length,
    message,
  );
}
