// What layers over a space of keys and values need of it: methods of the contract `kv`, for one
// that `connect` gives.

export interface SpaceEntry {
  readonly key: string;
  readonly text?: string | undefined;
}

type Condition =
  | { readonly key: string; readonly value: { readonly text: string } }
  | { readonly key: string; readonly present: boolean };

export type SpaceOp =
  | { readonly put: { readonly key: string; readonly text: string } }
  | { readonly delete: { readonly key: string } };

export interface KeySpace {
  batchRead(input: {
    space: string;
    keys: readonly string[];
  }): Promise<{ readonly entries: readonly (SpaceEntry | null)[] }>;
  list(input: {
    space: string;
    start?: string | undefined;
    end?: string | undefined;
    keysOnly?: boolean | undefined;
    limit?: number | undefined;
    cursor?: string | undefined;
  }): Promise<{
    readonly entries: readonly SpaceEntry[];
    readonly cursor?: string | undefined;
  }>;
  transact(input: {
    space: string;
    if: readonly Condition[];
    then: readonly SpaceOp[];
  }): Promise<{ readonly succeeded: boolean }>;
}

/** Every entry between two keys, page by page, as it was when the first was read. */
export async function* entriesBetween(
  kv: KeySpace,
  asked: { readonly space: string; readonly start: string; readonly end: string },
): AsyncIterable<SpaceEntry> {
  let page = await kv.list({ ...asked, limit: pageEntries });
  for (;;) {
    yield* page.entries;
    if (page.cursor === undefined) {
      return;
    }
    page = await kv.list({ ...asked, limit: pageEntries, cursor: page.cursor });
  }
}

const pageEntries = 1_000; // the most of one page
