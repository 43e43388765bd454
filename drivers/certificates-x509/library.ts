// The certificate library and the few constants that all rooms here use. It costs 20 MB and 200 ms:
// loaded when the first certificate is made or read.
import { webcrypto } from 'node:crypto';
import type * as X509 from '@peculiar/x509';

export type Library = typeof X509;

export const keyAlgorithm = { name: 'ECDSA', namedCurve: 'P-256' } as const;
export const signAlgorithm = { name: 'ECDSA', hash: 'SHA-256' } as const;

let loading: Promise<Library> | undefined;

export function loadLibrary(): Promise<Library> {
  loading ??= load();
  return loading;
}

async function load(): Promise<Library> {
  await import('reflect-metadata');
  const library = await import('@peculiar/x509');
  library.cryptoProvider.set(webcrypto);
  return library;
}

/** Base64 in lines of 64, between the two lines that name what it is. */
export function pem(label: string, der: Uint8Array): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`;
}

/** The bytes between the lines of the first block; undefined where there is none of that name. */
export function unpem(label: RegExp, text: string): Buffer | undefined {
  const found = /-----BEGIN ([A-Z0-9 ]+)-----([A-Za-z0-9+/=\s]+)-----END \1-----/.exec(text);
  const [, name = '', body = ''] = found ?? [];
  return label.test(name) ? Buffer.from(body.replaceAll(/\s/g, ''), 'base64') : undefined;
}
