// The keyring: a file in the data folder with the data keys, each wrapped by the key from outside.
// It also says whether all that lies there is sealed; nothing of it can be changed without a data
// key, and nothing is read before the keyring was found whole.
import { createHmac, hkdfSync, randomBytes, timingSafeEqual } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { SealState } from '@hansa/capabilities/sealing/capability';
import { HansaError, utf8, type Sealer } from '@hansa/foundation';
import type { KeyEncryptionKey } from './key-encryption.ts';
import { createSealer } from './record-sealer.ts';

export interface KeyringState extends SealState {
  /** False until what lay there before has been sealed. */
  readonly complete: boolean;
}

export interface Keyring {
  readonly sealer: Sealer;
  state(): KeyringState;
  /** Writes a new one, before anything is sealed by it; nothing where it is on the disk already. */
  establish(): Promise<void>;
  /** All that lies there is sealed from now on: what is not is damage. */
  completed(): Promise<void>;
  /** The same data keys under another key from outside. */
  rewrap(kek: KeyEncryptionKey): Promise<void>;
  /** From now on a new data key seals; nothing where a rotation is under way. */
  beginRotation(): Promise<void>;
  /** Forgets the older data keys: what they sealed must be sealed anew by then. */
  endRotation(): Promise<void>;
}

export interface KeyringNeeds {
  readonly file: string;
  readonly kek: KeyEncryptionKey | undefined;
  readonly nowMs: () => number;
  /** Whole or not at all, mode 600, on the disk when it resolves. */
  readonly write: (file: string, text: string) => Promise<void>;
}

const dataKeyBytes = 32;
const keysMax = 16; // two are the most that a rotation under way has; a file of more is not ours

interface WrappedKey {
  readonly version: number;
  readonly madeMs: number;
  /** Base64. */
  readonly wrapped: string;
}

interface KeyringDocument {
  readonly format: 1;
  readonly by: 'key' | 'age';
  readonly check: string;
  readonly complete: boolean;
  readonly keys: readonly WrappedKey[];
  readonly mac: string;
}

interface HeldKey {
  readonly version: number;
  readonly madeMs: number;
  readonly key: Uint8Array;
}

interface Opened {
  readonly kek: KeyEncryptionKey;
  readonly keys: readonly HeldKey[];
  readonly complete: boolean;
  readonly isNew?: boolean;
}

/**
 * Undefined where nothing is sealed and no key is given. SEAL_KEY_MISSING and SEAL_KEY_WRONG where
 * it cannot be opened, STORE_DAMAGED where it was changed.
 */
export async function openKeyring(needs: KeyringNeeds): Promise<Keyring | undefined> {
  const { file, kek, nowMs } = needs;
  const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') {
      return undefined;
    }
    throw error;
  });
  if (text === undefined && kek === undefined) {
    return undefined;
  }
  if (kek === undefined) {
    throw new HansaError('SEAL_KEY_MISSING', 'this data folder is sealed, and no key was given');
  }
  if (text !== undefined) {
    const { keys, complete } = await unlock(text, kek, file);
    return keyring(needs, { kek, keys, complete });
  }
  const first = { version: 1, madeMs: nowMs(), key: randomBytes(dataKeyBytes) };
  return keyring(needs, { kek, keys: [first], complete: false, isNew: true });
}

async function unlock(
  text: string,
  kek: KeyEncryptionKey,
  file: string,
): Promise<{ keys: readonly HeldKey[]; complete: boolean }> {
  const found = parse(text, file);
  if (found.by !== kek.by || found.check !== kek.check) {
    throw new HansaError('SEAL_KEY_WRONG', `${file} was sealed by another ${nameOf(found.by)}`);
  }
  const keys: HeldKey[] = [];
  for (const { version, madeMs, wrapped } of found.keys) {
    const bytes = Buffer.from(wrapped, 'base64');
    const key = await kek.unwrap(bytes, about(version)).catch((cause: unknown) => {
      throw changed(file, cause);
    });
    keys.push({ version, madeMs, key });
  }
  const newest = keys.at(-1);
  const { mac, ...body } = found;
  if (newest === undefined || !timingSafeEqual(macOf(body, newest.key), Buffer.from(mac, 'hex'))) {
    throw changed(file);
  }
  return { keys, complete: found.complete };
}

function parse(text: string, file: string): KeyringDocument {
  let found: unknown;
  try {
    found = JSON.parse(text);
  } catch (cause) {
    throw changed(file, cause);
  }
  if (!isDocument(found)) {
    throw changed(file);
  }
  return found;
}

/** Its form alone; that its values are ours, the code over them says. */
function isDocument(found: unknown): found is KeyringDocument {
  const { format, by, check, complete, keys, mac } = fieldsOf(found);
  return (
    format === 1 &&
    (by === 'key' || by === 'age') &&
    typeof check === 'string' &&
    typeof complete === 'boolean' &&
    typeof mac === 'string' &&
    /^[0-9a-f]{64}$/.test(mac) &&
    Array.isArray(keys) &&
    keys.length <= keysMax &&
    keys.every(isWrappedKey)
  );
}

function isWrappedKey(found: unknown): found is WrappedKey {
  const { version, madeMs, wrapped } = fieldsOf(found);
  return (
    Number.isSafeInteger(version) &&
    typeof madeMs === 'number' &&
    typeof wrapped === 'string' &&
    /^[A-Za-z0-9+/]+={0,2}$/.test(wrapped)
  );
}

function fieldsOf(found: unknown): Readonly<Record<string, unknown>> {
  return typeof found === 'object' && found !== null ? { ...found } : {};
}

function nameOf(by: 'key' | 'age'): string {
  return by === 'age' ? 'age identity' : 'key';
}

function changed(file: string, cause?: unknown): HansaError {
  return new HansaError('STORE_DAMAGED', `the keyring ${file} is damaged or was changed`, {
    cause,
    fix: 'restore the data folder, its seal.json included, from a backup',
  });
}

function about(version: number): Uint8Array {
  return utf8(`hansa data key ${version}:`);
}

function macOf(body: Omit<KeyringDocument, 'mac'>, key: Uint8Array): Buffer {
  const { format, by, check, complete, keys } = body;
  const rows = keys.map(({ version, madeMs, wrapped }) => [version, madeMs, wrapped]);
  const macKey = Buffer.from(hkdfSync('sha256', key, '', 'hansa keyring', 32));
  const said = JSON.stringify([format, by, check, complete, rows]);
  return createHmac('sha256', macKey).update(said).digest();
}

function keyring({ file, nowMs, write }: KeyringNeeds, opened: Opened): Keyring {
  let { kek, keys, complete, isNew = false } = opened;
  const newest = (of: readonly HeldKey[]): HeldKey => {
    const last = of.at(-1);
    if (last === undefined) {
      throw new Error('broken invariant: a keyring holds a key');
    }
    return last;
  };
  // What is in memory changes only when it is on the disk.
  const settle = async (next: Partial<Opened>): Promise<void> => {
    const to = { kek, keys, complete, ...next };
    const rows = await Promise.all(
      to.keys.map(async ({ version, madeMs, key }) => {
        const wrapped = await to.kek.wrap(key, about(version));
        return { version, madeMs, wrapped: Buffer.from(wrapped).toString('base64') };
      }),
    );
    const { by, check } = to.kek;
    const body = { format: 1 as const, by, check, complete: to.complete, keys: rows };
    const mac = macOf(body, newest(to.keys).key).toString('hex');
    await write(file, `${JSON.stringify({ ...body, mac }, undefined, 2)}\n`);
    ({ kek, keys, complete } = to);
    isNew = false;
  };
  return {
    sealer: createSealer({
      current: () => newest(keys).version,
      key: (version) => keys.find((each) => each.version === version)?.key,
    }),
    state() {
      const { version, madeMs } = newest(keys);
      return { by: kek.by, complete, version, madeMs, rotating: keys.length > 1 };
    },
    establish: async () => (isNew ? settle({}) : undefined),
    completed: () => settle({ complete: true }),
    rewrap: (to) => settle({ kek: to }),
    async beginRotation() {
      if (keys.length === 1) {
        const version = newest(keys).version + 1;
        const fresh = { version, madeMs: nowMs(), key: randomBytes(dataKeyBytes) };
        await settle({ keys: [...keys, fresh] });
      }
    },
    endRotation: () => settle({ keys: [newest(keys)] }),
  };
}
