// The key from outside the data folder: 32 bytes from a file or the environment, or an age
// identity. It wraps data keys and nothing else, so that it can be changed without touching what
// was sealed.
import { createCipheriv, createDecipheriv, createHmac, randomBytes } from 'node:crypto';
import { readFile, stat } from 'node:fs/promises';
import type { NewKey } from '@hansa/capabilities/sealing/contract';
import { fromBase64, fromHex, HansaError, isHansaError, toHex, utf8 } from '@hansa/foundation';

export interface KeyEncryptionKey {
  readonly by: 'key' | 'age';
  /** Tells this key from others, and nothing about it. */
  readonly check: string;
  /** `about` is bound to it where the scheme can. */
  wrap(dataKey: Uint8Array, about: Uint8Array): Promise<Uint8Array>;
  /** Throws where it is another key's, or was changed. */
  unwrap(wrapped: Uint8Array, about: Uint8Array): Promise<Uint8Array>;
}

/** Where the key is; one of them, or none. */
export interface KeySource extends NewKey {
  /** Hex or base64, as the environment carries it. */
  readonly key?: string | undefined;
}

const keyBytes = 32;
const nonceBytes = 12;
const tagBytes = 16;
const identityFileBytesMax = 64 * 1_024; // a few lines; whoever names a disk by mistake is told

/** Undefined where none is named. */
export async function readKeyEncryptionKey(
  source: KeySource,
): Promise<KeyEncryptionKey | undefined> {
  const { keyFile, key, ageIdentityFile } = source;
  const given = [keyFile, key, ageIdentityFile].filter((each) => each !== undefined);
  if (given.length > 1) {
    throw new HansaError('CONFIG_INVALID', 'more than one sealing key is given', {
      fix: 'give one of --seal-key-file, HANSA_SEAL_KEY and --seal-age-identity',
    });
  }
  if (key !== undefined) {
    return rawKey(parseKey(utf8(key), 'HANSA_SEAL_KEY'));
  }
  if (keyFile !== undefined) {
    return rawKey(parseKey(await readPrivate(keyFile), keyFile));
  }
  return ageIdentityFile === undefined ? undefined : ageKey(ageIdentityFile);
}

/** Never a word of what the file holds: it may be any file that somebody named. */
async function readPrivate(path: string): Promise<Uint8Array> {
  try {
    const { mode, size } = await stat(path);
    if ((mode & 0o077) !== 0) {
      throw new HansaError('KEY_EXPOSED', `${path} can be read by others`, {
        fix: `chmod 600 ${path}, then restart`,
      });
    }
    if (size > identityFileBytesMax) {
      throw malformed(path);
    }
    return await readFile(path);
  } catch (error) {
    throw isHansaError(error) ? error : malformed(path);
  }
}

function malformed(where: string): HansaError {
  return new HansaError('SEAL_KEY_MALFORMED', `${where} holds no sealing key that can be used`);
}

function parseKey(bytes: Uint8Array, where: string): Uint8Array {
  if (bytes.length === keyBytes) {
    return new Uint8Array(bytes);
  }
  const text = Buffer.from(bytes).toString('latin1').trim();
  if (/^[0-9a-fA-F]{64}$/.test(text)) {
    return fromHex(text.toLowerCase());
  }
  if (/^[A-Za-z0-9+/_-]{43}=?$/.test(text)) {
    const key = readBase64(text);
    if (key?.length === keyBytes) {
      return key;
    }
  }
  throw malformed(where);
}

function readBase64(text: string): Uint8Array | undefined {
  try {
    return fromBase64(text);
  } catch {
    return undefined;
  }
}

function rawKey(key: Uint8Array): KeyEncryptionKey {
  const check = createHmac('sha256', key).update('hansa sealing key').digest();
  return {
    by: 'key',
    check: toHex(new Uint8Array(check.subarray(0, 8))),
    async wrap(dataKey, about) {
      const nonce = randomBytes(nonceBytes);
      const cipher = createCipheriv('aes-256-gcm', key, nonce).setAAD(about);
      return Buffer.concat([nonce, cipher.update(dataKey), cipher.final(), cipher.getAuthTag()]);
    },
    async unwrap(wrapped, about) {
      const nonce = wrapped.subarray(0, nonceBytes);
      const decipher = createDecipheriv('aes-256-gcm', key, nonce, { authTagLength: tagBytes })
        .setAAD(about)
        .setAuthTag(wrapped.subarray(wrapped.length - tagBytes));
      const body = wrapped.subarray(nonceBytes, wrapped.length - tagBytes);
      return new Uint8Array(Buffer.concat([decipher.update(body), decipher.final()]));
    },
  };
}

async function ageKey(path: string): Promise<KeyEncryptionKey> {
  const text = Buffer.from(await readPrivate(path)).toString('utf8');
  const lines = text.split('\n').map((line) => line.trim());
  const [identity, ...more] = lines.filter((line) => line !== '' && !line.startsWith('#'));
  if (identity === undefined || more.length > 0) {
    throw malformed(path);
  }
  // Loaded where somebody seals by age, and nowhere else.
  const { Decrypter, Encrypter, identityToRecipient } = await import('age-encryption');
  const recipient = await identityToRecipient(identity).catch(() => {
    throw malformed(path);
  });
  return {
    by: 'age',
    check: recipient,
    async wrap(dataKey, about) {
      const encrypter = new Encrypter();
      encrypter.addRecipient(recipient);
      return encrypter.encrypt(Buffer.concat([about, dataKey]));
    },
    async unwrap(wrapped, about) {
      const decrypter = new Decrypter();
      decrypter.addIdentity(identity);
      const opened = Buffer.from(await decrypter.decrypt(wrapped));
      if (!opened.subarray(0, about.length).equals(about)) {
        throw new Error('the wrapped key is another one');
      }
      return new Uint8Array(opened.subarray(about.length));
    },
  };
}
