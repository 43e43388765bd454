// Which cluster `hansa up` starts: the one that was named, or else the one that commands go to. A
// cluster is founded only where none is known by the name that was given, or none is known at all.
import { resolve } from 'node:path';
import { HansaError } from '@hansa/foundation';
import { defaultDataFolder, readContexts, resolveContext, type Home } from './contexts.ts';

export interface UpWanted {
  /** `--context` */
  readonly context?: string | undefined;
  /** `--name`, or its variable. */
  readonly name?: string | undefined;
  /** `--data` */
  readonly data?: string | undefined;
}

export interface UpTarget {
  /** Absolute. */
  readonly data: string;
  /** The name it is known by here; it keeps it where nobody gives it another. */
  readonly knownAs: string | undefined;
}

const firstName = 'hansa'; // of the first cluster of somebody who names none

export async function chooseCluster(home: Home, wanted: UpWanted): Promise<UpTarget> {
  const known = await foldersOf(home);
  const called = agreedName(wanted);
  const held = called === undefined ? undefined : known.get(called);
  if (wanted.data !== undefined) {
    return atFolder(known, resolve(wanted.data), wanted.context);
  }
  if (held !== undefined) {
    return { data: held, knownAs: called };
  }
  if (wanted.name !== undefined) {
    return { data: resolve(defaultDataFolder(home, wanted.name)), knownAs: undefined };
  }
  if (called !== undefined) {
    throw new HansaError('CONTEXT_NOT_FOUND', `there is no context "${called}" to start`, {
      fix: `to found a cluster of that name: hansa up --name ${called}`,
    });
  }
  if (known.size === 0) {
    return { data: resolve(defaultDataFolder(home, firstName)), knownAs: undefined };
  }
  const context = await resolveContext(home, undefined);
  if ('url' in context) {
    throw new HansaError('USAGE', `the cluster ${context.name} runs on another machine`, {
      fix: 'say which one to start here: hansa up --name <name>',
    });
  }
  return { data: context.data, knownAs: context.name };
}

/** What `--context` and `--name` both mean; USAGE where they mean two clusters. */
function agreedName({ context, name }: UpWanted): string | undefined {
  if (context !== undefined && name !== undefined && context !== name) {
    const sentence =
      `--context names the cluster ${context}, ` + `and --name (or HANSA_NAME) the cluster ${name}`;
    throw new HansaError('USAGE', sentence, { fix: 'give one of them' });
  }
  return context ?? name;
}

function atFolder(
  known: ReadonlyMap<string, string>,
  data: string,
  context: string | undefined,
): UpTarget {
  const held = context === undefined ? undefined : known.get(context);
  if (held !== undefined && held !== data) {
    const sentence = `the data of ${context ?? ''} is in ${held}, and --data names another folder`;
    throw new HansaError('USAGE', sentence, { fix: 'give --context or --data, not both' });
  }
  const [knownAs] = [...known].find(([, folder]) => folder === data) ?? [];
  return { data, knownAs: knownAs ?? context };
}

async function foldersOf(home: Home): Promise<ReadonlyMap<string, string>> {
  const { contexts } = await readContexts(home);
  return new Map(
    Object.entries(contexts).flatMap(([name, place]) =>
      'data' in place ? [[name, resolve(home, place.data)] as const] : [],
    ),
  );
}
