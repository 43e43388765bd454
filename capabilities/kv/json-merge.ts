// Several JSON values that were written without knowledge of each other, made one: maps per key,
// lists by union, everything else by its last writer.
import {
  canonicalJson,
  isJsonList,
  isJsonMap,
  type JsonMap,
  type JsonValue,
} from './json-value.ts';

/** In the order of their writing, the last writer last; at least one. */
export function mergeJson(values: readonly [JsonValue, ...JsonValue[]]): JsonValue {
  const last = values.at(-1) ?? values[0];
  if (isJsonMap(last)) {
    return mergeMaps(values.filter(isJsonMap));
  }
  return isJsonList(last) ? uniteLists(values.filter(isJsonList)) : last;
}

function mergeMaps(maps: readonly JsonMap[]): JsonMap {
  const byKey = new Map<string, [JsonValue, ...JsonValue[]]>();
  for (const [key, value] of maps.flatMap((map) => Object.entries(map))) {
    const before = byKey.get(key);
    if (before === undefined) {
      byKey.set(key, [value]);
    } else {
      before.push(value);
    }
  }
  // Not by assignment: "__proto__" is a name like any other.
  return Object.fromEntries([...byKey].map(([key, values]) => [key, mergeJson(values)]));
}

/** What stands twice in one of the lists stands twice in their union. */
function uniteLists(lists: readonly (readonly JsonValue[])[]): readonly JsonValue[] {
  const united: JsonValue[] = [];
  const counts = new Map<string, number>();
  for (const list of lists) {
    const seen = new Map<string, number>();
    for (const element of list) {
      const spelled = canonicalJson(element);
      const times = (seen.get(spelled) ?? 0) + 1;
      seen.set(spelled, times);
      if (times > (counts.get(spelled) ?? 0)) {
        counts.set(spelled, times);
        united.push(element);
      }
    }
  }
  return united;
}
