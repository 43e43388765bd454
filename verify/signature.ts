// Ed25519 (RFC 8032) by Node's own crypto, which takes keys of small order as well: those are
// refused here, as protocol/transcript.md asks, because everybody can sign with them.
import { createPublicKey, verify } from 'node:crypto';

/** False for a wrong signature, and for what is no key. */
export function isSigned(key: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (key.length !== 32 || signature.length !== 64 || isSmallOrder(key)) {
    return false;
  }
  try {
    const x = Buffer.from(key).toString('base64url');
    const parsed = createPublicKey({ key: { kty: 'OKP', crv: 'Ed25519', x }, format: 'jwk' });
    return verify(null, message, parsed, signature);
  } catch {
    return false;
  }
}

const prime = 2n ** 255n - 19n;
const curveD = mod(-121_665n * inverse(121_666n));

/**
 * Whether eight times the point is the neutral one. The x of a point enters doubling by its square
 * alone, and the curve gives that from y: x² = (y² - 1) / (d·y² + 1).
 */
function isSmallOrder(key: Uint8Array): boolean {
  const little = Uint8Array.from(key, (byte, at) => (at === 31 ? byte & 0x7f : byte)).toReversed();
  let y = mod(BigInt(`0x${Buffer.from(little).toString('hex')}`));
  for (let doubled = 0; doubled < 3; doubled += 1) {
    const yy = mod(y * y);
    const xx = mod((yy - 1n) * inverse(curveD * yy + 1n));
    y = mod((yy + xx) * inverse(2n + xx - yy));
  }
  return y === 1n;
}

function mod(value: bigint): bigint {
  return ((value % prime) + prime) % prime;
}

function inverse(value: bigint): bigint {
  // Fermat: the group of a prime has order p - 1.
  let [base, exponent, result] = [mod(value), prime - 2n, 1n];
  while (exponent > 0n) {
    result = exponent % 2n === 1n ? mod(result * base) : result;
    base = mod(base * base);
    exponent /= 2n;
  }
  return result;
}
