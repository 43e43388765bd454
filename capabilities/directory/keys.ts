// What a directory is in the log of its resource: one entry for each account, group and role, under
// `<type>/<name>`.
import { fromUtf8, HansaError, utf8, type Codec } from '@hansa/foundation';
import type { z } from 'zod';
import {
  nameSchemas,
  storedGroupSchema,
  storedRoleSchema,
  storedServiceSchema,
  storedUserSchema,
  type DirectoryEntry,
  type EntryType,
} from './entries.ts';

// the fullest account stays below; of a role with scopes as long as can be, it is 250 of them
export const entryBytesMax: number = 64 * 1_024;

export function entryKey({ type, name }: Pick<DirectoryEntry, 'type' | 'name'>): string {
  return `${type}/${name}`;
}

export function keyBytes(entry: Pick<DirectoryEntry, 'type' | 'name'>): Uint8Array {
  return utf8(entryKey(entry));
}

/** CHANGE_INVALID where it is the key of nothing that a directory holds. */
export function readKey(bytes: Uint8Array): { readonly type: EntryType; readonly name: string } {
  const text = textOf(bytes);
  const slash = text.indexOf('/');
  const [type, name] = [text.slice(0, slash), text.slice(slash + 1)];
  if (!isType(type) || !nameSchemas[type].safeParse(name).success) {
    throw new HansaError('CHANGE_INVALID', 'it has a key that no directory has');
  }
  return { type, name };
}

function textOf(bytes: Uint8Array): string {
  try {
    return fromUtf8(bytes);
  } catch {
    return '';
  }
}

function isType(text: string): text is EntryType {
  return Object.hasOwn(nameSchemas, text);
}

/** CHANGE_INVALID where it is none that a directory may hold. */
export function readEntry(
  codec: Codec,
  { key, value }: { readonly key: Uint8Array; readonly value: Uint8Array },
): DirectoryEntry {
  const { type, name } = readKey(key);
  if (value.length > entryBytesMax) {
    throw new HansaError('CHANGE_INVALID', `a ${type} has at most ${entryBytesMax} bytes`);
  }
  const read = <T>(schema: z.ZodType<T>): T => {
    try {
      return schema.parse(codec.decode(value));
    } catch (cause) {
      throw new HansaError(
        'CHANGE_INVALID',
        `what is stored of a ${type} does not fit its schema`,
        {
          cause,
        },
      );
    }
  };
  switch (type) {
    case 'user':
      return { type, name, value: read(storedUserSchema) };
    case 'service':
      return { type, name, value: read(storedServiceSchema) };
    case 'group':
      return { type, name, value: read(storedGroupSchema) };
    case 'role':
      return { type, name, value: read(storedRoleSchema) };
  }
}

/** INPUT_INVALID where it would be refused by those who mirror it. */
export function entryBytes(codec: Codec, entry: DirectoryEntry): Uint8Array {
  const value = codec.encode(withoutUndefined(entry.value));
  try {
    readEntry(codec, { key: keyBytes(entry), value });
  } catch (cause) {
    throw new HansaError('INPUT_INVALID', `${entry.type} ${entry.name} would be over a limit`, {
      cause,
      fix: 'its lists and texts have limits: see the reference page of directory',
    });
  }
  return value;
}

function withoutUndefined(value: object): object {
  return Object.fromEntries(Object.entries(value).filter(([, one]) => one !== undefined));
}
