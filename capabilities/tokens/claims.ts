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
    aud: z.array(tokenFields.principal).min(1).max(tokenAudienceMax),
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
  .refine(({ exp, nbf }) => nbf < exp, 'it ends before it begins')
  .refine(
    ({ exp, iat }) => exp - iat <= tokenTtlMaxMs / 1_000,
    'it lives longer than any token may',
  );

/** TOKEN_TOO_DEEP or TOKEN_MALFORMED. */
export function readClaims(jws: Jws): Claims {
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
