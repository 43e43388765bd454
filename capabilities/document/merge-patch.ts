// JSON merge patch (RFC 7396): a map's members are changed one by one, null takes one away, and
// anything that is no map takes the whole place.
import { isJsonMap, type JsonValue } from '../kv/contract.ts';

export function mergePatch(target: JsonValue, patch: JsonValue): JsonValue {
  if (!isJsonMap(patch)) {
    return patch;
  }
  const members = new Map(isJsonMap(target) ? Object.entries(target) : []);
  for (const [key, change] of Object.entries(patch)) {
    if (change === null) {
      members.delete(key);
    } else {
      members.set(key, mergePatch(members.get(key) ?? null, change));
    }
  }
  return Object.fromEntries(members);
}
