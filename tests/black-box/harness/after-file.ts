// What is left when a test file has ended is cleaned up by whoever can make it: modules are loaded
// once for many files, so they say here what is to be done after each.

const acts: (() => unknown)[] = [];

/** Once for each module that makes something. */
export function afterFile(act: () => unknown): void {
  acts.push(act);
}

/** What was said last first: a module stands on those that it imports. */
export async function cleanUp(): Promise<void> {
  for (const act of acts.toReversed()) {
    await act();
  }
}
