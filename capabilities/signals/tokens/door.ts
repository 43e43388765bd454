// Who is let in: by a token that is known by heart, or one that is signed by somebody trusted.
import { toHex, type Clock, type Crypto } from '@hansa/foundation';
import { signalErrors } from '../frames/messages.ts';
import type { AdmissionRefusal, Doorkeeper, SignalAccess } from '../router/access.ts';
import { createTokenBook, scopesAllow, type KnownToken } from '../router/scopes.ts';
import { capPrefix, readCapToken, type CapJudging } from './cap-token.ts';

export interface DoorNeeds {
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly tokens: readonly KnownToken[];
  /** Public keys, Ed25519, whose tokens count. */
  readonly anchors: readonly Uint8Array[];
}

const markDigits = 32;

/** CONFIG_INVALID where a scope of a known token is none. */
export function createDoor({ clock, crypto, tokens, anchors }: DoorNeeds): Doorkeeper {
  const book = createTokenBook(clock, tokens);
  return {
    admit(asked, signal) {
      const { token } = asked;
      return token?.startsWith(capPrefix) === true
        ? admitSigned(token, clock, { crypto, anchors })
        : book.admit(asked, signal);
    },
  };
}

function admitSigned(
  token: string,
  clock: Clock,
  judging: CapJudging,
): SignalAccess | AdmissionRefusal {
  const read = readCapToken(token, judging);
  if (typeof read === 'string') {
    return { code: signalErrors.authentication, message: `Authentication failed: ${read}` };
  }
  const expiresMs = read.expiresSeconds * 1_000;
  if (expiresMs <= clock.now()) {
    return { code: signalErrors.expired, message: 'the token has expired' };
  }
  try {
    const allows = scopesAllow(read.scopes);
    // Sessions of one subject may stand in for each other: no two tokens are one.
    const mark = toHex(judging.crypto.hash(read.signature)).slice(0, markDigits);
    return { expiresMs, allows, subject: `cap:${mark}` };
  } catch {
    const message = 'Authentication failed: the token’s scopes are none';
    return { code: signalErrors.authentication, message };
  }
}
