// Making packs: the objects that some ids reach and others do not, as git writes them.
import type { ObjectId } from '@hansa/capabilities/forge/git';
import { HansaError } from '@hansa/foundation';
import { startGit, streamGit, type Bytes } from './child.ts';
import { objectIdPattern } from './limits.ts';
import { objectTypes, type RepositoryView } from './repository-state.ts';

export interface PackWish {
  readonly want: readonly ObjectId[];
  readonly have: readonly ObjectId[];
  readonly signal?: AbortSignal | undefined;
}

/** A thin pack, or undefined where nothing is wanted that is not had. */
export async function packObjects(
  view: RepositoryView,
  wish: PackWish,
): Promise<Bytes | undefined> {
  const had = new Set(wish.have);
  const want = [...new Set(wish.want)].filter((id) => !had.has(id));
  if (want.length === 0) {
    return undefined;
  }
  if (!want.every((id) => objectIdPattern.test(id))) {
    throw new HansaError('INPUT_INVALID', 'an object id is 40 or 64 lower-case hex digits');
  }
  const have = [...had].filter((id) => objectIdPattern.test(id));
  const present = (await objectTypes(view, have)).filter((object) => object.type !== null);
  const run = {
    args: [
      'pack-objects',
      '--revs',
      '--thin',
      '--stdout',
      '--delta-base-offset',
      '--non-empty',
      '-q',
    ],
    environment: view.environment,
    input: [...want, '--not', ...present.map((object) => object.id), ''].join('\n'),
    signal: wish.signal,
  };
  const pieces = streamGit(startGit(view.git, run), run, 'result');
  const first = await pieces.next();
  return first.done === true ? undefined : continued(first.value, pieces);
}

function continued(first: Uint8Array, rest: AsyncGenerator<Uint8Array>): Bytes {
  let waiting: Uint8Array | undefined = first;
  // Not a generator: one that is dropped before its first step would leave git running.
  const whole: AsyncIterator<Uint8Array> = {
    next: async () => {
      if (waiting === undefined) {
        return rest.next();
      }
      const value = waiting;
      waiting = undefined;
      return { done: false, value };
    },
    return: () => rest.return(undefined),
  };
  return { [Symbol.asyncIterator]: () => whole };
}
