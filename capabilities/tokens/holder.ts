// What the holder of a key does with tokens by themselves, with no node in reach: narrow one for
// somebody else, prove that the key is theirs, read what one says.
import {
  fromHex,
  HansaError,
  reportOf,
  toHex,
  type Clock,
  type Crypto,
  type Random,
} from '@hansa/foundation';
import { linkOf, readChain, verifyChain } from './chain.ts';
import type { IssuedToken, TokenHolder, TokenReport } from './contract.ts';
import { isIssuer, type Issuer, type KeyOf, type Signing } from './jws.ts';
import { attenuateToken } from './making.ts';
import { provePossession, type Request } from './possession.ts';
import { saidBy, usableReport } from './said.ts';

const keyPattern = /^[0-9a-f]{64}$/;

export interface HolderNeeds {
  readonly crypto: Crypto;
  readonly random: Random;
  readonly clock: Clock;
}

/** A key file's one line: the secret seed as 64 hex digits. */
type Seed = string;

export interface Holder {
  keygen(): { readonly seed: Seed; readonly holder: Issuer };
  holderOf(seed: Seed): Issuer;
  attenuate(input: {
    readonly token: string;
    readonly seed: Seed;
    readonly audience: readonly string[];
    readonly caps: readonly string[];
    /** At most what the parent has left, which is also the default. */
    readonly ttlMs?: number | undefined;
    readonly delegable: boolean;
    readonly subject?: string | undefined;
    readonly facts: readonly string[];
  }): IssuedToken;
  /** The `Hansa-Proof` header of one request. */
  prove(input: Request & { readonly seed: Seed }): string;
  /**
   * What a token says, and why it would fail now at the cluster it comes from: as far as one can
   * tell who knows neither its revocations nor its later keys.
   */
  inspect(token: string): TokenReport;
}

export function createHolder({ crypto, random, clock }: HolderNeeds): Holder {
  const signingBy = (seed: Seed): Signing => ({
    issuer: holderOf(crypto, seed),
    sign: (message) => ({ keyIndex: 0, signature: crypto.sign(readSeed(seed), message) }),
  });
  return {
    keygen() {
      const seed = toHex(random.bytes(32));
      return { seed, holder: holderOf(crypto, seed) };
    },
    holderOf: (seed) => holderOf(crypto, seed),
    attenuate({ token, seed, audience, caps, ttlMs, delegable, subject, facts }) {
      const nowMs = clock.now();
      const [parent] = readChain(token).map(linkOf);
      const left = parent?.expiresMs ?? nowMs;
      const holders = audience.map(readHolder);
      const made = attenuateToken({ crypto, random, signing: signingBy(seed) }, token, {
        subject: subject ?? parent?.subject ?? 'nobody',
        audience: holders,
        caps,
        nowMs,
        expiresMs: ttlMs === undefined ? left : nowMs + ttlMs,
        delegable,
        facts,
      });
      const { text, jti, expiresMs } = made;
      return { token: text, jti, audience: holders, caps, expiresMs, delegable };
    },
    prove: ({ seed, ...request }) =>
      provePossession(
        { crypto, random, signing: signingBy(seed) },
        { ...request, nowMs: clock.now() },
      ),
    inspect(token) {
      const said = saidBy(token);
      try {
        verifyChain(token, {
          crypto,
          nowMs: clock.now(),
          keyOf: firstKeyOf,
          ceiling: () => 'all',
          isRevoked: () => false,
        });
        return usableReport(said, clock.now());
      } catch (error) {
        return { ...said, usable: false, problem: reportOf(error) };
      }
    },
  };
}

/** A cluster's first key is its id; later ones only those know who follow its key log. */
const firstKeyOf: KeyOf = (cluster, { keyIndex }) => {
  if (keyIndex > 0) {
    throw new HansaError('KEY_UNKNOWN', 'later keys of a cluster are known to its peers alone', {
      fix: 'ask a node: hansa token check',
    });
  }
  return fromHex(cluster);
};

function readHolder(text: string): TokenHolder {
  if (text === 'bearer' || isIssuer(text)) {
    return text;
  }
  throw new HansaError('INPUT_INVALID', `"${text.slice(0, 80)}" names no holder`, {
    fix: 'write bearer, key:<64 hex digits> or cluster:<64 hex digits>',
  });
}

function holderOf(crypto: Crypto, seed: Seed): Issuer {
  return `key:${toHex(crypto.publicKey(readSeed(seed)))}`;
}

function readSeed(seed: Seed): Uint8Array {
  if (!keyPattern.test(seed)) {
    throw new HansaError('KEY_MALFORMED', 'the key file is not 64 lower-case hex digits', {
      fix: 'make one: hansa token keygen --out <file>',
    });
  }
  return fromHex(seed);
}
