// What a space is in the log of its resource: one entry per key, under the key's own bytes, and its
// settings under a name that no key can have.
import { fromUtf8, HansaError, utf8, type Codec } from '@hansa/foundation';
import { z } from 'zod';
import { keySchema, mergeRules, type MergeRule } from './contract.ts';

/** Begins with a control character: `keySchema` has none. */
export const settingsKey: Uint8Array = utf8('\u0000settings');

export interface SpaceSettings {
  readonly rule: MergeRule;
  readonly shared: boolean;
}

export const defaultSettings: SpaceSettings = { rule: 'last-write-wins', shared: false };

const settingsSchema: z.ZodType<SpaceSettings> = z.object({
  rule: z.enum(mergeRules),
  shared: z.boolean(),
});

export function entryKey(key: string): Uint8Array {
  return utf8(key);
}

/** Undefined for the settings, and for what is no key at all. */
export function keyOf(bytes: Uint8Array): string | undefined {
  try {
    const parsed = keySchema.safeParse(fromUtf8(bytes));
    return parsed.success && utf8(parsed.data).length === bytes.length ? parsed.data : undefined;
  } catch {
    return undefined;
  }
}

/** A space whose settings were never written has the default ones. */
export function settingsFrom(
  codec: Codec,
  entry: { readonly value: Uint8Array } | undefined,
): SpaceSettings {
  if (entry === undefined) {
    return defaultSettings;
  }
  try {
    return settingsSchema.parse(codec.decode(entry.value));
  } catch (cause) {
    throw new HansaError('CHANGE_INVALID', 'the settings of a space do not fit their schema', {
      cause,
    });
  }
}
