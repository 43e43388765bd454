// Capability tokens in the form that clients of this protocol know: `cap_` and a signed map. Such a
// token is worth what its own signature says. In a delegated one nothing ties a link to the next,
// so that anybody could make one in anybody's name: those are not taken. Nor are those for an
// audience, since nobody proves here to be it.
import { equalBytes, fromBase64Url, toBase64Url, type Crypto } from '@hansa/foundation';
import { Cursor } from '../frames/cursor.ts';
import { isList, isMap, unpack, type Unpacked } from '../frames/msgpack.ts';
import { pack, type Packed } from './packing.ts';

export const capPrefix = 'cap_';
export const capTokenLengthMax = 16_384; // some hundred scopes; a HELLO could hold four times that
const keyBytes = 32;
const signatureBytes = 64;

export interface CapToken {
  readonly issuer: Uint8Array;
  readonly scopes: readonly string[];
  readonly expiresSeconds: number;
  readonly signature: Uint8Array;
}

export interface CapJudging {
  readonly crypto: Crypto;
  /** Public keys whose word counts here. */
  readonly anchors: readonly Uint8Array[];
}

/** Why it does not count, as a sentence. Whether it has expired is for whoever has a clock. */
export function readCapToken(text: string, { crypto, anchors }: CapJudging): CapToken | string {
  const fields = fieldsOf(text);
  if (fields === undefined) {
    return 'this is no capability token';
  }
  const { issuer, scopes, expiresSeconds, nonce, signature, proofs, audience } = fields;
  if (proofs > 0) {
    return 'a delegated token of this form proves nothing: ask for one of the issuer itself';
  }
  if (audience) {
    return 'the token is for the holder of a key, which cannot be proven here';
  }
  if (!anchors.some((anchor) => equalBytes(anchor, issuer))) {
    return 'nobody trusts the token’s issuer here';
  }
  const signed = signedBytes({ issuer, scopes, expiresSeconds, nonce });
  return crypto.verify(issuer, signed, signature)
    ? { issuer, scopes, expiresSeconds, signature }
    : 'the token’s signature does not verify';
}

interface Fields extends CapToken {
  readonly nonce: string;
  readonly proofs: number;
  readonly audience: boolean;
}

export interface CapMaking {
  readonly crypto: Crypto;
  /** Of the issuer's key. */
  readonly seed: Uint8Array;
  readonly scopes: readonly string[];
  readonly expiresSeconds: number;
  /** No two tokens have the same. */
  readonly nonce: string;
}

/** One of the issuer itself, for whoever has it. */
export function makeCapToken({ crypto, seed, ...said }: CapMaking): string {
  const issuer = crypto.publicKey(seed);
  const fields = signedFields({ issuer, ...said });
  const signature = crypto.sign(seed, pack(new Map(fields)));
  const map = new Map<string, Packed>([...fields, ['signature', signature]]);
  return `${capPrefix}${toBase64Url(pack(map))}`;
}

type Signed = Pick<Fields, 'issuer' | 'scopes' | 'expiresSeconds' | 'nonce'>;

/** What an issuer without proofs and audience has signed. */
function signedBytes(signed: Signed): Uint8Array {
  return pack(new Map(signedFields(signed)));
}

function signedFields({
  issuer,
  scopes,
  expiresSeconds,
  nonce,
}: Signed): readonly (readonly [string, Packed])[] {
  return [
    ['version', 1],
    ['issuer', [...issuer]],
    ['audience', null],
    ['scopes', scopes],
    ['expires_at', expiresSeconds],
    ['nonce', nonce],
    ['proofs', []],
  ];
}

function fieldsOf(text: string): Fields | undefined {
  const map = mapOf(text);
  if (map?.get('version') !== 1n) {
    return undefined;
  }
  const issuer = keyOf(map.get('issuer'));
  const scopes = textsOf(map.get('scopes'));
  const expiresSeconds = secondsOf(map.get('expires_at'));
  const nonce = map.get('nonce');
  const signature = signatureOf(map.get('signature'));
  const proofs = map.get('proofs') ?? [];
  const isKnown = issuer !== undefined && scopes !== undefined && signature !== undefined;
  if (!isKnown || expiresSeconds === undefined || typeof nonce !== 'string' || !isList(proofs)) {
    return undefined;
  }
  const audience = (map.get('audience') ?? null) !== null;
  return { issuer, scopes, expiresSeconds, nonce, signature, proofs: proofs.length, audience };
}

function secondsOf(read: Unpacked | undefined): number | undefined {
  const seconds = typeof read === 'bigint' ? Number(read) : -1;
  return Number.isSafeInteger(seconds) && seconds >= 0 ? seconds : undefined;
}

/** A view would keep the whole token alive. */
function signatureOf(read: Unpacked | undefined): Uint8Array | undefined {
  const isWhole = read instanceof Uint8Array && read.length === signatureBytes;
  return isWhole ? new Uint8Array(read) : undefined;
}

function mapOf(text: string): ReadonlyMap<string, Unpacked> | undefined {
  if (!text.startsWith(capPrefix) || text.length > capTokenLengthMax) {
    return undefined;
  }
  try {
    const cursor = new Cursor(fromBase64Url(text.slice(capPrefix.length)));
    const read = unpack(cursor);
    return isMap(read) && cursor.left === 0 ? read : undefined;
  } catch {
    return undefined;
  }
}

/** As a list of its bytes, which is how the published implementation writes it, or as bytes. */
function keyOf(read: Unpacked | undefined): Uint8Array | undefined {
  if (read instanceof Uint8Array) {
    return read.length === keyBytes ? new Uint8Array(read) : undefined;
  }
  const items = isList(read) ? read : [];
  const isKey =
    items.length === keyBytes &&
    items.every((item) => typeof item === 'bigint' && item >= 0n && item <= 255n);
  return isKey ? Uint8Array.from(items, Number) : undefined;
}

function textsOf(read: Unpacked | undefined): readonly string[] | undefined {
  const items = isList(read) ? read : undefined;
  const texts = items?.filter((item) => typeof item === 'string');
  return texts?.length === items?.length ? texts : undefined;
}
