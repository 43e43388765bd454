// What is left when a test file has ended is cleaned up by whoever can make it: modules are loaded
// once for many files, so they say here what is to be done after each.

const acts: (() => unknown)[] = [];

/** Once for each module that makes something. */
export function afterFile(act: () => unknown): void {
  acts.push(act);
}

/** What was said last first: a module stands on those that it imports. */
export async function cleanUp(): Promise<void> {
  const failures: unknown[] = [];
  for (const act of acts.toReversed()) {
    try {
      await act();
    } catch (error) {
      failures.push(error); // the others have theirs to do all the same
    }
  }
  if (failures.length > 0) {
    throw new AggregateError(failures, 'not everything could be cleaned up');
  }
}
