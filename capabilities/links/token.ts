// The link token: what the inviter tells the other side, signed by the inviter's cluster key,
// carried as text. The signed bytes travel as they are; nothing is re-encoded to be verified.
import {
  fromBase64Url,
  fromHex,
  HansaError,
  hashSchema,
  clusterIdSchema,
  nameLengthMax,
  toBase64Url,
  transcript,
  type ClusterId,
  type Codec,
  type Crypto,
} from '@hansa/foundation';
import { z } from 'zod';
import { keyLogSchema, presentClaim, verifyKeyLog, type KeyLog } from '../identity/contract.ts';
import { endpointSchema, endpointsMax, type Endpoint } from './contract.ts';

export interface LinkToken {
  readonly cluster: ClusterId;
  readonly name: string;
  readonly endpoints: readonly Endpoint[];
  /** 32 random bytes: who knows them was given the token. */
  readonly nonce: Uint8Array;
  readonly expiresMs: number;
  /** The inviter keeps no half-link: it will serve and never pull. */
  readonly serveOnly: boolean;
  /** How the key that signed came after the inviter's first; absent where it is the first. */
  readonly keys?: KeyLog | undefined;
}

const mark = 'hansa-link-1.';
const signatureBytes = 64;
const schema: z.ZodType<LinkToken> = z.object({
  cluster: clusterIdSchema,
  name: z.string().max(nameLengthMax),
  endpoints: z.array(endpointSchema).max(endpointsMax),
  nonce: hashSchema,
  expiresMs: z.number().int().nonnegative(),
  serveOnly: z.boolean(),
  keys: keyLogSchema.optional(),
});

export function writeToken(
  codec: Codec,
  sign: (message: Uint8Array) => Uint8Array,
  token: LinkToken,
): string {
  const payload = codec.encode(token);
  const signature = sign(signedBytes(payload));
  const whole = new Uint8Array(payload.length + signatureBytes);
  whole.set(payload);
  whole.set(signature, payload.length);
  return mark + toBase64Url(whole);
}

/** LINK_TOKEN_MALFORMED for what never was a token, LINK_TOKEN_TAMPERED for what was one. */
export function readToken(codec: Codec, crypto: Crypto, text: string): LinkToken {
  // Terminals and mail break long lines; white space is no letter of a token.
  const trimmed = text.replaceAll(/\s+/g, '');
  if (!trimmed.startsWith(mark)) {
    throw new HansaError('LINK_TOKEN_MALFORMED', `a link token starts with "${mark}"`, {
      fix: 'copy the whole token that "hansa link invite" printed',
    });
  }
  const token = decodeToken(codec, trimmed.slice(mark.length));
  if (token === undefined || !verifies(crypto, token)) {
    throw new HansaError(
      'LINK_TOKEN_TAMPERED',
      'the token is not as it was signed: it was damaged in copying, or changed',
      { fix: 'copy it again, or ask for a new one: hansa link invite' },
    );
  }
  return token.content;
}

interface Decoded {
  readonly content: LinkToken;
  readonly payload: Uint8Array;
  readonly signature: Uint8Array;
}

function decodeToken(codec: Codec, text: string): Decoded | undefined {
  try {
    const whole = fromBase64Url(text);
    const payload = whole.slice(0, -signatureBytes);
    const content = schema.parse(codec.decode(payload));
    return { content, payload, signature: whole.slice(-signatureBytes) };
  } catch {
    return undefined; // every way of being damaged has the same answer
  }
}

function verifies(crypto: Crypto, { content, payload, signature }: Decoded): boolean {
  const key = signingKey(crypto, content);
  return key !== undefined && crypto.verify(fromHex(key), signedBytes(payload), signature);
}

/** A stranger knows of a cluster its first key alone: the token itself proves a later one. */
function signingKey(crypto: Crypto, { cluster, keys }: LinkToken): string | undefined {
  if (keys === undefined) {
    return cluster;
  }
  try {
    verifyKeyLog(crypto, keys);
  } catch {
    return undefined; // a log that does not verify makes the token as bad as a wrong signature
  }
  return keys.inception.cluster === cluster ? presentClaim(keys).key : undefined;
}

function signedBytes(payload: Uint8Array): Uint8Array {
  return transcript('hansa/link-token/1', [payload]);
}
