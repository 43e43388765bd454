// A proof that whoever shows a token also has the key it is bound to: signed for one request, with
// a number that is taken once.
import {
  HansaError,
  schemaSentence,
  toBase64Url,
  type Clock,
  type Random,
} from '@hansa/foundation';
import type { Crypto } from '@hansa/foundation';
import { z } from 'zod';
import { proofHash } from './chain.ts';
import {
  possessionsKeptMax,
  possessionWindowMs,
  type PossessionProof,
  type TokenHolder,
} from './contract.ts';
import {
  malformed,
  readJws,
  requireSignature,
  writeJws,
  type Signing,
  type Verifying,
} from './jws.ts';

const proofBytesMax = 4_096; // a path of a whole request line, and room
const nonceBytes = 16;
const pathLengthMax = 2_048; // as long as paths are that anybody types

interface ProofClaims {
  readonly htm: string;
  readonly htu: string;
  readonly ath: string;
  readonly iat: number;
  readonly jti: string;
}

const proofSchema: z.ZodType<ProofClaims> = z.strictObject({
  htm: z.string().max(16),
  htu: z.string().max(pathLengthMax),
  ath: z.string().length(43),
  iat: z.number().int().nonnegative(),
  jti: z.string().min(16).max(64),
});

/** What a request is proven for. */
export interface Request {
  readonly token: string;
  readonly method: string;
  readonly path: string;
}

export function provePossession(
  making: { readonly crypto: Crypto; readonly random: Random; readonly signing: Signing },
  request: Request & { readonly nowMs: number },
): string {
  const { crypto, random, signing } = making;
  return writeJws(signing, 'hansa-proof+jwt', {
    htm: request.method,
    htu: request.path,
    ath: proofHash(crypto, request.token),
    iat: Math.floor(request.nowMs / 1_000),
    jti: toBase64Url(random.bytes(nonceBytes)),
  });
}

export interface Possessions {
  /** The holder that the proof proves; throws what is wrong with it. */
  require(token: string, audience: readonly TokenHolder[], given: PossessionProof): TokenHolder;
}

export function createPossessions(needs: Verifying & { readonly clock: Clock }): Possessions {
  const { crypto, clock } = needs;
  // Until when each number is remembered; in the order they came, nearly that of the times.
  const used = new Map<string, number>();
  const remember = (name: string, untilMs: number): void => {
    const nowMs = clock.now();
    for (const [old, oldUntilMs] of used) {
      if (oldUntilMs > nowMs) {
        break;
      }
      used.delete(old);
    }
    if (used.has(name)) {
      throw new HansaError('TOKEN_REPLAYED', 'the proof of possession was used before', {
        fix: 'make a new proof for every request',
      });
    }
    if (used.size >= possessionsKeptMax) {
      throw new HansaError('RATE_LIMITED', 'too many proofs of possession at once', {
        facts: { retryAfterSeconds: possessionWindowMs / 1_000 },
      });
    }
    used.set(name, untilMs);
  };
  return {
    require(token, audience, { proof, method, path }) {
      if (proof.length > proofBytesMax) {
        throw malformed('its proof of possession is too long');
      }
      const jws = readJws(proof, 'hansa-proof+jwt');
      const parsed = proofSchema.safeParse(jws.payload);
      if (!parsed.success) {
        throw malformed(`its proof of possession: ${schemaSentence(parsed.error)}`);
      }
      const claims = parsed.data;
      const holder = audience.find((one) => one === jws.issuer);
      if (holder === undefined) {
        throw new HansaError(
          'TOKEN_WRONG_AUDIENCE',
          `${jws.issuer} proved itself, and the token is bound to ${audience.join(', ')}`,
        );
      }
      requireSignature(needs, jws, claims.iat * 1_000);
      const same =
        claims.htm === method && claims.htu === path && claims.ath === proofHash(crypto, token);
      if (!same) {
        throw new HansaError('TOKEN_REPLAYED', 'the proof of possession is for another request', {
          fix: 'prove method, path with its query, and token exactly as they are sent',
        });
      }
      requireFresh(claims.iat, clock.now());
      remember(`${jws.issuer} ${claims.jti}`, claims.iat * 1_000 + 2 * possessionWindowMs);
      return holder;
    },
  };
}

function requireFresh(iat: number, nowMs: number): void {
  const ageMs = nowMs - iat * 1_000;
  if (ageMs > possessionWindowMs) {
    throw new HansaError('TOKEN_EXPIRED', 'the proof of possession is over a minute old', {
      fix: 'make a new proof for every request, and compare both clocks',
    });
  }
  if (ageMs < -possessionWindowMs) {
    throw new HansaError('TOKEN_NOT_YET', 'the proof of possession is from the future', {
      fix: 'compare both clocks',
    });
  }
}
