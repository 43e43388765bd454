// AES-256-GCM under versioned data keys: the mark, the version, a salt, a nonce, what was sealed,
// its tag. The context and all before the ciphertext are authenticated with it.
import {
  createCipheriv,
  createDecipheriv,
  createSecretKey,
  hkdfSync,
  randomBytes,
  randomFillSync,
  type KeyObject,
} from 'node:crypto';
import { HansaError, isSealed, sealedMark, type Sealer } from '@hansa/foundation';

const versionAt = 1;
const saltAt = 5;
const saltBytes = 16;
const nonceAt = 21;
const nonceBytes = 12;
const bodyAt = 33;
const tagBytes = 16;
// Nonces are drawn: 2^32 under one key are the most that may be, so each salt makes a key of its
// own.
const saltUsesMax = 2 ** 30;
const noncesDrawn = 512; // at once: 6 KiB
const keysCachedMax = 1_024; // every start and every 2^30 records bring one; made again when needed

export interface DataKeys {
  /** The version that seals now. */
  current(): number;
  key(version: number): Uint8Array | undefined;
}

export function createSealer(dataKeys: DataKeys): Sealer {
  const derived = new Map<string, KeyObject>();
  const nonces = createNonces();
  const keyOf = (header: Buffer): KeyObject => {
    const name = header.toString('latin1', versionAt, nonceAt);
    const known = derived.get(name);
    if (known !== undefined) {
      return known;
    }
    const dataKey = dataKeys.key(header.readUInt32BE(versionAt));
    if (dataKey === undefined) {
      throw damaged('under a data key that the keyring does not hold');
    }
    const salt = header.subarray(saltAt, nonceAt);
    const bytes = hkdfSync('sha256', dataKey, salt, 'hansa sealed record', 32);
    const made = createSecretKey(Buffer.from(bytes));
    const [oldest] = derived.keys();
    if (derived.size >= keysCachedMax && oldest !== undefined) {
      derived.delete(oldest);
    }
    derived.set(name, made);
    return made;
  };
  let salt = randomBytes(saltBytes);
  let uses = 0;
  const newHeader = (): Buffer => {
    uses += 1;
    if (uses > saltUsesMax) {
      salt = randomBytes(saltBytes);
      uses = 1;
    }
    const header = Buffer.alloc(bodyAt);
    header[0] = sealedMark;
    header.writeUInt32BE(dataKeys.current(), versionAt);
    header.set(salt, saltAt);
    header.set(nonces(), nonceAt);
    return header;
  };
  return {
    seal(context, plain) {
      const header = newHeader();
      const cipher = createCipheriv('aes-256-gcm', keyOf(header), header.subarray(nonceAt));
      cipher.setAAD(bound(header, context));
      const body = cipher.update(plain);
      return Buffer.concat([header, body, cipher.final(), cipher.getAuthTag()]);
    },
    open(context, sealed) {
      if (!isSealed(sealed) || sealed.length < bodyAt + tagBytes) {
        throw damaged('and is not sealed, though all is that is kept here');
      }
      const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.length);
      const header = bytes.subarray(0, bodyAt);
      const key = keyOf(header);
      const end = bytes.length - tagBytes;
      const decipher = createDecipheriv('aes-256-gcm', key, header.subarray(nonceAt), {
        authTagLength: tagBytes,
      });
      decipher.setAAD(bound(header, context)).setAuthTag(bytes.subarray(end));
      try {
        return Buffer.concat([decipher.update(bytes.subarray(bodyAt, end)), decipher.final()]);
      } catch (cause) {
        throw damaged('and was changed or moved after it was sealed', cause);
      }
    },
    isCurrent(sealed) {
      const bytes = Buffer.from(sealed.buffer, sealed.byteOffset, sealed.length);
      return isSealed(sealed) && bytes.readUInt32BE(versionAt) === dataKeys.current();
    },
  };
}

/** Drawn many at a time: asking for twelve bytes costs as much as sealing a record. */
function createNonces(): () => Uint8Array {
  const drawn = Buffer.alloc(noncesDrawn * nonceBytes);
  let at = drawn.length;
  return () => {
    if (at === drawn.length) {
      randomFillSync(drawn);
      at = 0;
    }
    at += nonceBytes;
    return drawn.subarray(at - nonceBytes, at);
  };
}

function bound(header: Buffer, context: Uint8Array): Buffer {
  return Buffer.concat([header, context]);
}

function damaged(how: string, cause?: unknown): HansaError {
  return new HansaError('STORE_DAMAGED', `something in the data folder was read ${how}`, {
    cause,
    fix: 'restore the data folder, its seal.json included, from a backup',
  });
}
