// What stands in a token: its claims, as strict as can be. A claim that is not known here might
// narrow the token, so none is passed over.
import { z } from 'zod';
import {
  tokenAudienceMax,
  tokenDepthMax,
  tokenFields,
  tokenTtlMaxMs,
  type TokenHolder,
} from './contract.ts';
import { clustersAmong, isForeign, keysAmong, speakerOf } from './speaking.ts';
import { malformed, type Jws } from './jws.ts';
import { HansaError, schemaSentence } from '@hansa/foundation';

/** Times are whole seconds, as in every JWT. */
export interface Claims {
  readonly iss: string;
  readonly sub: string;
  readonly aud: readonly TokenHolder[];
  readonly exp: number;
  readonly nbf: number;
  readonly iat: number;
  readonly jti: string;
  readonly caps: readonly string[];
  /** How many it descends from. */
  readonly depth: number;
  /** The holder may make narrower ones of it. */
  readonly del: boolean;
  readonly fct?: readonly string[] | undefined;
  /** BLAKE3 of its parent's text, base64url; none where a cluster issued it. */
  readonly prf: readonly string[];
}

const secondsMax = 2 ** 40; // far beyond any calendar, and exact
const depthSaidMax = 1_000; // a deeper one is refused for its depth, not for its form
const moment = z.number().int().nonnegative().max(secondsMax);
const hash = z.string().regex(/^[A-Za-z0-9_-]{43}$/, 'a hash is 43 letters of base64url');

const claimsSchema: z.ZodType<Claims> = z
  .strictObject({
    iss: z.string().max(80),
    sub: tokenFields.subject,
    aud: z.array(tokenFields.holder).min(1).max(tokenAudienceMax),
    exp: moment,
    nbf: moment,
    iat: moment,
    jti: tokenFields.jti,
    caps: tokenFields.scopes,
    depth: z.number().int().nonnegative().max(depthSaidMax),
    del: z.boolean(),
    fct: tokenFields.facts.optional(),
    prf: z.array(hash).max(1),
  })
  .refine(({ aud }) => new Set(aud).size === aud.length, '"aud" names one holder twice')
  .refine(
    ({ aud, del }) => !aud.includes('bearer') || (aud.length === 1 && !del),
    'a bearer token names no other holder, and cannot be delegated: nobody could sign its children',
  )
  .refine(({ sub }) => {
    const speaker = speakerOf(sub);
    return speaker === undefined || !isForeign(speaker);
  }, 'it speaks for a principal of another cluster: only their home makes tokens for them')
  .refine(
    ({ sub, aud, depth }) =>
      speakerOf(sub) === undefined || depth > 0 || clustersAmong(aud).length > 0,
    'it speaks for somebody and does not say at which clusters',
  )
  .refine(
    ({ sub, aud, del }) => speakerOf(sub) === undefined || !del || keysAmong(aud).length > 0,
    'it speaks for somebody and may be delegated, and names no key that could sign its children',
  )
  .refine(({ exp, nbf }) => nbf < exp, 'it ends before it begins')
  .refine(
    ({ exp, iat }) => exp - iat <= tokenTtlMaxMs / 1_000,
    'it lives longer than any token may',
  );

const claimsLike = z.looseObject({ iss: z.string() });
const withSubject = z.looseObject({ sub: z.string().min(1) });

/** TOKEN_TOO_DEEP, TOKEN_SUBJECT or TOKEN_MALFORMED. */
export function readClaims(jws: Jws): Claims {
  // Named before the schema: who it is for is what every decision hangs on.
  if (claimsLike.safeParse(jws.payload).success && !withSubject.safeParse(jws.payload).success) {
    throw new HansaError('TOKEN_SUBJECT', 'its claim "sub" is missing or empty');
  }
  const parsed = claimsSchema.safeParse(jws.payload);
  if (!parsed.success) {
    throw malformed(schemaSentence(parsed.error));
  }
  if (parsed.data.depth > tokenDepthMax) {
    throw tooDeep();
  }
  if (parsed.data.iss !== jws.issuer) {
    throw malformed('its issuer is not whose key it names');
  }
  return parsed.data;
}

export function tooDeep(): HansaError {
  return new HansaError('TOKEN_TOO_DEEP', `a token is delegated at most ${tokenDepthMax} times`, {
    facts: { tokenDepthMax },
  });
}
