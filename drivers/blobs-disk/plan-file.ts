// A plan is a blob's size and chunk ids. On disk: u64 size, the ids of 32 bytes each, and the
// BLAKE3 of all that, because a plan that a disk has changed would accuse good chunks.
import { readFile, unlink } from 'node:fs/promises';
import {
  blobBytesMax,
  blobIdSchema,
  concatBytes,
  equalBytes,
  fromHex,
  HansaError,
  toHex,
  type BlobId,
  type BlobInfo,
  type Crypto,
} from '@hansa/foundation';
import { createFile, ifThere, writeAt } from './durable-file.ts';
import { chunkCount } from './layout.ts';

export interface Plan {
  readonly info: BlobInfo;
  readonly chunks: readonly BlobId[];
}

const hashBytes = 32;
const sizeFieldBytes = 8;

/** Throws INPUT_INVALID where size and chunk ids do not belong together. */
export function checkPlan({ info, chunks }: Plan): void {
  const { id, sizeBytes } = info;
  const fits =
    Number.isSafeInteger(sizeBytes) &&
    sizeBytes >= 0 &&
    sizeBytes <= blobBytesMax &&
    chunks.length === chunkCount(sizeBytes) &&
    [id, ...chunks].every((each) => blobIdSchema.safeParse(each).success) &&
    (chunks.length > 1 || chunks[0] === id);
  if (!fits) {
    throw new HansaError('INPUT_INVALID', `not the size and chunk ids of a blob: ${id}`);
  }
}

export function samePlan(a: Plan, b: Plan): boolean {
  return (
    a.info.sizeBytes === b.info.sizeBytes &&
    a.chunks.length === b.chunks.length &&
    a.chunks.every((chunk, index) => chunk === b.chunks[index])
  );
}

export async function writePlan(crypto: Crypto, path: string, plan: Plan): Promise<void> {
  const size = new Uint8Array(sizeFieldBytes);
  new DataView(size.buffer).setBigUint64(0, BigInt(plan.info.sizeBytes));
  const body = concatBytes([size, ...plan.chunks.map((chunk) => fromHex(chunk))]);
  const file = await createFile(path);
  try {
    await writeAt(file, concatBytes([body, crypto.hash(body)]), 0);
    await file.sync();
  } catch (error) {
    await unlink(path);
    throw error;
  } finally {
    await file.close();
  }
}

/** The plan in a file; undefined where there is none or the disk has changed it. */
export async function readPlan(
  crypto: Crypto,
  path: string,
  id: BlobId,
): Promise<Plan | undefined> {
  const bytes = await ifThere(readFile(path));
  if (bytes === undefined || bytes.length < sizeFieldBytes + 2 * hashBytes) {
    return undefined;
  }
  const body = new Uint8Array(bytes.subarray(0, bytes.length - hashBytes));
  if (!equalBytes(crypto.hash(body), bytes.subarray(body.length))) {
    return undefined;
  }
  const chunks: BlobId[] = [];
  for (let at = sizeFieldBytes; at < body.length; at += hashBytes) {
    chunks.push(blobIdSchema.parse(toHex(body.subarray(at, at + hashBytes))));
  }
  const sizeBytes = Number(new DataView(body.buffer).getBigUint64(0));
  return { info: { id, sizeBytes }, chunks };
}
