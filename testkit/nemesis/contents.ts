// What must be there in the end: nothing acknowledged is lost, nothing deleted comes back, nothing
// is there that nobody wrote, copies equal what they are copies of, and go only forward meanwhile.
import { byKey, type Operation } from './history.ts';

export type Contents = ReadonlyMap<string, string>;

/**
 * For keys that are put once, and deleted once at most by whoever put them, a deletion hearing
 * whether there was something: what each operation promised, held against what is there. Sentences;
 * none where all is well.
 */
export function lostOrRisen(operations: readonly Operation[], contents: Contents): string[] {
  const wrongs: string[] = [];
  const keys = byKey(operations);
  for (const key of contents.keys()) {
    if (!keys.has(key)) {
      wrongs.push(`${key} is there, and nobody wrote it`);
    }
  }
  for (const [key, ops] of keys) {
    const put = ops.find(({ operation }) => operation === 'put');
    const gone = ops.find(({ operation }) => operation === 'delete');
    const wrong = put === undefined ? undefined : wrongOf({ put, gone }, contents.get(key));
    if (wrong !== undefined) {
      wrongs.push(`${key} ${wrong}`);
    }
  }
  return wrongs;
}

function wrongOf(
  { put, gone }: { readonly put: Operation; readonly gone: Operation | undefined },
  found: string | undefined,
): string | undefined {
  if (found !== undefined && found !== put.value) {
    return `holds ${found}; ${String(put.value)} was written`;
  }
  if (found !== undefined && put.outcome === 'fail') {
    return 'is there, although its writer was told that nothing had happened';
  }
  if (found !== undefined && gone?.outcome === 'ok') {
    return 'is there again, although its deletion was acknowledged';
  }
  if (put.outcome === 'ok' && gone?.outcome === 'ok' && gone.heard === false) {
    return 'was lost before its deletion, which found nothing';
  }
  const mayBeGone = gone !== undefined && gone.outcome !== 'fail';
  if (found === undefined && put.outcome === 'ok' && !mayBeGone) {
    return 'is lost, although its write was acknowledged';
  }
  return undefined;
}

/** Where two that should hold the same differ; the first few keys are named. */
export function differences(
  one: { readonly name: string; readonly contents: Contents },
  other: { readonly name: string; readonly contents: Contents },
): string[] {
  const keys = new Set([...one.contents.keys(), ...other.contents.keys()]);
  return [...keys]
    .filter((key) => one.contents.get(key) !== other.contents.get(key))
    .slice(0, differencesShown)
    .map((key) => {
      const at = (side: typeof one): string =>
        `${side.name} ${side.contents.get(key) ?? 'nothing'}`;
      return `${key}: ${at(one)}, ${at(other)}`;
    });
}

const differencesShown = 5; // one is enough to know, five to guess why

/** What a reader of a copy heard: the value, and how far the copy was. */
export interface Sighting {
  readonly text: string | null;
  readonly revision: number;
}

/**
 * Reads of copies, each reader's in order: a copy goes only forward, and shows nothing that nobody
 * wrote, or whose writer was told that nothing had happened.
 */
export function wrongSightings(
  written: readonly Operation[],
  reads: readonly Operation[],
): string[] {
  const writes = new Map<string, Set<unknown>>();
  for (const { key, operation, outcome, value } of written) {
    const values = writes.get(key) ?? new Set<unknown>();
    writes.set(key, values);
    if (operation !== 'get' && outcome !== 'fail') {
      values.add(operation === 'cas' ? (value as { to: unknown }).to : value);
    }
  }
  const wrongs: string[] = [];
  const furthest = new Map<string, number>();
  for (const { process, key, outcome, heard } of reads.toSorted((a, b) => a.end - b.end)) {
    if (outcome !== 'ok') {
      continue;
    }
    const { text, revision } = heard as Sighting;
    if (revision < (furthest.get(process) ?? 0)) {
      wrongs.push(`${process} saw ${key} at ${revision}, after ${furthest.get(process)}`);
    }
    furthest.set(process, Math.max(revision, furthest.get(process) ?? 0));
    if (text !== null && writes.get(key)?.has(text) !== true) {
      wrongs.push(`${process} read ${text} under ${key}, which nobody wrote`);
    }
  }
  return wrongs;
}
