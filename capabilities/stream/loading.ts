// An own stream as its writer holds it in memory: where it stands, and which ids it remembers.
import { HansaError, type Codec, type LocalId } from '@hansa/foundation';
import type { ResourceLog } from '../resources/contract.ts';
import type { StreamLimits } from './contract.ts';
import {
  emptyState,
  readKey,
  settingsSchema,
  stateSchema,
  storedIdSchema,
  type StoredId,
  type StoredMessage,
  type StreamState,
} from './keys.ts';
import { defaultLimits } from './sources.ts';

const attemptsMax = 16; // every lost one is somebody's change while we read

export interface LoadedStream {
  readonly id: LocalId;
  readonly limits: StreamLimits;
  /** By id, oldest first. */
  readonly ids: Map<string, StoredId>;
  /** Of its resource: what the next change expects. */
  sequence: number;
  state: StreamState;
  /** The oldest message, so that its age is not read from the disk again and again. */
  oldest: { readonly sequence: number; readonly message: StoredMessage } | undefined;
}

export async function loadStream(
  needs: { readonly codec: Codec; readonly resources: ResourceLog },
  id: LocalId,
): Promise<LoadedStream> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const before = needs.resources.point(id);
    if (before === undefined) {
      throw new HansaError('RESOURCE_NOT_FOUND', `there is no ${id} here`);
    }
    const read = await readHeadOf(needs, id);
    const after = needs.resources.point(id);
    if (after?.sequence === before.sequence && after.epoch === before.epoch) {
      return { id, sequence: before.sequence, oldest: undefined, ...read };
    }
  }
  throw new HansaError('CONFLICT', `${id} changes faster than it can be read`);
}

/** Everything that lies before the messages. */
async function readHeadOf(
  { codec, resources }: { readonly codec: Codec; readonly resources: ResourceLog },
  id: LocalId,
): Promise<Pick<LoadedStream, 'limits' | 'ids' | 'state'>> {
  let limits = defaultLimits;
  let state = emptyState;
  const ids: [string, StoredId][] = [];
  for await (const { key, value } of resources.entries(id)) {
    const read = readKey(key);
    if (read?.is === 'message') {
      break;
    }
    if (read?.is === 'settings') {
      limits = settingsSchema.parse(codec.decode(value));
    } else if (read?.is === 'state') {
      state = stateSchema.parse(codec.decode(value));
    } else if (read?.is === 'id') {
      ids.push([read.id, storedIdSchema.parse(codec.decode(value))]);
    }
  }
  const oldestFirst = ids.toSorted(([, a], [, b]) => a.sequence - b.sequence);
  return { limits, state, ids: new Map(oldestFirst) };
}
