// Looks for secrets in everything that a test can lay its hands on: in plain, in base64 and in hex,
// since a log or a dump may hold either.
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';

/** A secret, and where it is meant to be. */
export interface Canary {
  readonly what: string;
  readonly text: string;
  /** As bytes, where those are what is kept: a key that is written as hex. */
  readonly bytes?: Uint8Array;
}

const partLength = 12; // of base64: what stands around a secret shifts and cuts its ends

/** Every way in which bytes that hold the secret may be written down. */
function forms({ text, bytes }: Canary): readonly Buffer[] {
  const all = [Buffer.from(text, 'utf8'), ...(bytes === undefined ? [] : [Buffer.from(bytes)])];
  return all.flatMap((plain) => [
    plain,
    Buffer.from(plain.toString('hex')),
    Buffer.from(plain.toString('hex').toUpperCase()),
    ...[0, 1, 2].flatMap((shift) => inBase64(plain, shift)),
  ]);
}

/** The inner part of the secret's base64, after so many bytes of something else. */
function inBase64(plain: Buffer, shift: number): readonly Buffer[] {
  const shifted = Buffer.concat([Buffer.alloc(shift), plain]).toString('base64');
  const inner = shifted.slice(4, -4).replace(/=+$/, '');
  const url = inner.replaceAll('+', '-').replaceAll('/', '_');
  return inner.length < partLength ? [] : [Buffer.from(inner), Buffer.from(url)];
}

/** Which of the secrets are in it. */
export function findIn(content: string | Uint8Array, canaries: readonly Canary[]): string[] {
  const bytes = typeof content === 'string' ? Buffer.from(content) : Buffer.from(content);
  return canaries
    .filter((canary) => forms(canary).some((form) => bytes.includes(form)))
    .map(({ what }) => what);
}

/** `file: secret` for every secret in every file below the folder. */
export function findBelow(folder: string, canaries: readonly Canary[]): string[] {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((each) => each.isFile())
    .map((each) => join(each.parentPath, each.name));
  return files.flatMap((file) =>
    findIn(readFileSync(file), canaries).map((what) => `${relative(folder, file)}: ${what}`),
  );
}
