// The one form of signed text: JWS compact (RFC 7515) with EdDSA (RFC 8037) and nothing to choose.
// Whoever signs is named by the key id, `cluster:<id>#<key index>` or `key:<public key>#0`.
import {
  fromBase64Url,
  fromHex,
  fromUtf8,
  HansaError,
  isHansaError,
  toBase64Url,
  utf8,
  type ClusterId,
  type Crypto,
} from '@hansa/foundation';
import { z } from 'zod';

export type JwsType = 'hansa-cap+jwt' | 'hansa-proof+jwt';

/** Who can sign: a cluster, or whoever has an Ed25519 key. */
export type Issuer = `cluster:${string}` | `key:${string}`;

/** Something that signs, and as whom. */
export interface Signing {
  readonly issuer: Issuer;
  sign(message: Uint8Array): { readonly keyIndex: number; readonly signature: Uint8Array };
}

export interface Jws {
  readonly text: string;
  readonly issuer: Issuer;
  readonly keyIndex: number;
  readonly payload: unknown;
  readonly signed: Uint8Array;
  readonly signature: Uint8Array;
}

/** When something says that it was signed, and with which of the signer's keys. */
export interface KeyClaim {
  readonly keyIndex: number;
  readonly atMs: number;
}

/** The key a cluster may have signed it with; throws why there is none. */
export type KeyOf = (cluster: ClusterId, claim: KeyClaim) => Uint8Array;

const issuerPattern = /^(cluster|key):([0-9a-f]{64})$/;
const keyIdPattern = /^((?:cluster|key):[0-9a-f]{64})#(0|[1-9][0-9]{0,8})$/;
const headerSchema = z.strictObject({
  alg: z.literal('EdDSA'),
  typ: z.enum(['hansa-cap+jwt', 'hansa-proof+jwt']),
  kid: z.string().regex(keyIdPattern),
});

export function isIssuer(text: string): text is Issuer {
  return issuerPattern.test(text);
}

export function writeJws(signing: Signing, typ: JwsType, payload: object): string {
  // The key's index is known only to who signs, and it is signed: so a signature over nothing asks.
  const { keyIndex } = signing.sign(new Uint8Array(0));
  const header = { alg: 'EdDSA', typ, kid: `${signing.issuer}#${keyIndex}` };
  const input = `${part(header)}.${part(payload)}`;
  const { signature, keyIndex: used } = signing.sign(utf8(input));
  if (used !== keyIndex) {
    throw new HansaError('CONFLICT', 'the cluster’s key was rotated meanwhile', {
      fix: 'do it again',
    });
  }
  return `${input}.${toBase64Url(signature)}`;
}

function part(value: object): string {
  return toBase64Url(utf8(JSON.stringify(value)));
}

/** TOKEN_MALFORMED for what has not this form; TOKEN_ALGORITHM for another algorithm. */
export function readJws(text: string, typ: JwsType): Jws {
  const parts = text.split('.');
  const [head = '', body = '', mark = ''] = parts;
  if (parts.length !== 3) {
    throw malformed('it has not three parts');
  }
  const named = readHeader(head, typ);
  const signature = readBytes(mark, 'signature');
  if (signature.length !== 64) {
    throw malformed('its signature has not 64 bytes');
  }
  return {
    text,
    ...named,
    payload: readJson(body, 'payload'),
    signed: utf8(`${head}.${body}`),
    signature,
  };
}

export interface Verifying {
  readonly crypto: Crypto;
  readonly keyOf: KeyOf;
}

/** Who signed, as the header has it. */
function readHeader(head: string, typ: JwsType): Pick<Jws, 'issuer' | 'keyIndex'> {
  const raw = readJson(head, 'header');
  requireAlgorithm(raw);
  const header = headerSchema.safeParse(raw);
  if (!header.success) {
    throw malformed('its header is not { alg, typ, kid } as tokens have it, and nothing more');
  }
  if (header.data.typ !== typ) {
    throw malformed(`it is a ${header.data.typ}, not a ${typ}`);
  }
  const [, issuer = '', index = ''] = keyIdPattern.exec(header.data.kid) ?? [];
  if (!isIssuer(issuer) || (issuer.startsWith('key:') && index !== '0')) {
    throw malformed('a key that is its own name has no index but 0');
  }
  return { issuer, keyIndex: Number(index) };
}

/** TOKEN_FORGED where the key cannot have signed it, or has not; TOKEN_KEY_UNKNOWN. */
export function requireSignature({ crypto, keyOf }: Verifying, jws: Jws, atMs: number): void {
  if (!crypto.verify(publicKeyOf(keyOf, jws, atMs), jws.signed, jws.signature)) {
    throw new HansaError('TOKEN_FORGED', `its signature is not by ${jws.issuer}`);
  }
}

function publicKeyOf(keyOf: KeyOf, { issuer, keyIndex }: Jws, atMs: number): Uint8Array {
  const [, form = '', hex = ''] = issuerPattern.exec(issuer) ?? [];
  if (form === 'key') {
    return fromHex(hex);
  }
  try {
    return keyOf(hex as ClusterId, { keyIndex, atMs });
  } catch (cause) {
    const why = cause instanceof Error ? cause.message : '';
    const code = isHansaError(cause, 'KEY_UNKNOWN') ? 'TOKEN_KEY_UNKNOWN' : 'TOKEN_FORGED';
    throw new HansaError(code, `key ${keyIndex} of ${issuer} does not count: ${why}`, { cause });
  }
}

// Named before the schema: who takes the signature away or puts a shared secret in its place does
// not send a malformed token but a forged one.
function requireAlgorithm(header: unknown): void {
  const known = z.looseObject({ alg: z.string() }).safeParse(header);
  if (known.success && known.data.alg !== 'EdDSA') {
    const alg = known.data.alg.slice(0, 16).replaceAll(/[^A-Za-z0-9-]/g, '?');
    throw new HansaError('TOKEN_ALGORITHM', `its algorithm is "${alg}"; only EdDSA counts`);
  }
}

function readBytes(text: string, what: string): Uint8Array {
  try {
    return fromBase64Url(text);
  } catch {
    throw malformed(`its ${what} is not base64url`);
  }
}

function readJson(text: string, what: string): unknown {
  const bytes = readBytes(text, what);
  let json: string;
  let value: unknown;
  try {
    json = fromUtf8(bytes);
    value = JSON.parse(json);
  } catch {
    throw malformed(`its ${what} is not JSON in UTF-8`);
  }
  if (hasKeyTwice(json)) {
    throw malformed(`its ${what} says one thing twice`);
  }
  return value;
}

/**
 * Readers differ in which of two equal keys they believe, so no key may stand twice. The text is
 * JSON already: a string before a colon is a key. Objects within each other would share their keys
 * here; no header and no payload of ours has any.
 */
function hasKeyTwice(json: string): boolean {
  const keys = Array.from(
    json.matchAll(/("(?:[^"\\]|\\.)*")(\s*:)?/g),
    ([, key = '""', colon]): unknown => (colon === undefined ? undefined : JSON.parse(key)),
  ).filter((key) => key !== undefined);
  return new Set(keys).size < keys.length;
}

export function malformed(why: string): HansaError {
  return new HansaError('TOKEN_MALFORMED', `this is no capability token: ${why}`, {
    fix: 'copy the whole token, as it was shown',
  });
}
