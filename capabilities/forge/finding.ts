// What stands at a path of the forge, and who may push to it: own repositories by a decision of the
// store, mirrors by nobody, lanes by whoever the mirror's owner lets push.
import {
  isHansaError,
  localId,
  reportOf,
  type Call,
  type ErrorCode,
  type FederatedId,
  type LocalId,
} from '@hansa/foundation';
import { accept } from './accepting.ts';
import { gitKind } from './contract.ts';
import type { GitService, Push, PushDecision } from './git.ts';
import { holdWhatIsPut } from './holding.ts';
import { ownRepository, type Parts } from './repositories.ts';
import type { FoundRepository } from './smart-http.ts';

const lanePrefix = 'lane/@'; // no repository can be called so

interface Visit {
  readonly service: GitService;
  readonly call: Call;
}

/** What stands at a path below `/git/`: `hansa`, `@lubeck/hansa`, `lane/@lubeck/hansa`. */
export async function findRepository(
  parts: Parts,
  path: string,
  visit: Visit,
): Promise<FoundRepository | undefined> {
  try {
    if (path.startsWith(lanePrefix)) {
      return await findLane(parts, path.slice(lanePrefix.length), visit);
    }
    return path.startsWith('@')
      ? await findMirror(parts, path.slice(1))
      : await findOwn(parts, localId(gitKind, path), visit);
  } catch (error) {
    if (absences.some((code) => isHansaError(error, code))) {
      return undefined;
    }
    throw error;
  }
}

const absences: readonly ErrorCode[] = ['RESOURCE_NOT_FOUND', 'MIRROR_NOT_FOUND', 'LINK_NOT_FOUND'];

async function findOwn(parts: Parts, id: LocalId, { service }: Visit): Promise<FoundRepository> {
  const { caches } = parts;
  const own = ownRepository(parts, id);
  const key = caches.key(own);
  // A fetch never waits for a push: the cache is at most as old as the push that is under way.
  if (service === 'git-receive-pack') {
    await caches.exclusively(key, () => caches.bring(own));
  } else {
    await caches.ready(own);
  }
  // The driver runs one decision per repository at a time; taking our own lock here could wait for
  // somebody who waits for the driver.
  const decide = async (push: Push): Promise<PushDecision> => {
    const holding = holdWhatIsPut(parts.blobs);
    try {
      return await accept({ ...parts, blobs: holding.blobs }, id, push);
    } finally {
      holding.release();
      caches.doubt(key);
    }
  };
  return { key, writable: { decide } };
}

async function findMirror(parts: Parts, path: string): Promise<FoundRepository | undefined> {
  const resource = mirrorAt(parts, path);
  const view = await parts.mirrors.view(resource);
  const mirror = parts.mirrors.find(resource);
  if (view === undefined || mirror === undefined) {
    return undefined; // nothing has arrived yet: an empty repository would be a lie
  }
  await parts.caches.ready(view);
  const refusal =
    `read-only mirror of ${mirror.ownerName}:${mirror.name}; ` +
    `push to ${mirror.ownerName}, which owns it, ` +
    `or, where it lets us, into our lane: /git/${lanePrefix}${path}.git`;
  return { key: parts.caches.key(view), writable: { refusal } };
}

function mirrorAt({ mirrors }: Parts, path: string): FederatedId {
  const slash = path.indexOf('/');
  return mirrors.resolve(`${path.slice(0, slash)}:${gitKind}/${path.slice(slash + 1)}`);
}

/**
 * Our lane for a mirrored repository, made by the first push. The owner is asked before anything is
 * sent, so that a refusal is read by whoever pushes; while it is away, what is pushed waits here.
 */
async function findLane(
  parts: Parts,
  path: string,
  visit: Visit,
): Promise<FoundRepository | undefined> {
  const { lanes, signer } = parts;
  const resource = mirrorAt(parts, path);
  if (visit.service === 'git-upload-pack') {
    const lane = lanes.find(resource);
    return lane === undefined ? undefined : findOwn(parts, lane, visit);
  }
  const lane = await lanes.open(resource);
  try {
    await lanes.offer(resource, visit.call.signal);
  } catch (error) {
    if (refusals.some((code) => isHansaError(error, code))) {
      const own = ownRepository(parts, lane);
      const refusal = `${reportOf(error).message} [${reportOf(error).code}]`;
      await parts.caches.ready(own);
      return { key: parts.caches.key(own), writable: { refusal } };
    }
    parts.log.event('lane.waits', { resource, by: signer.name, reason: reportOf(error).code });
  }
  return findOwn(parts, lane, visit);
}

const refusals: readonly ErrorCode[] = [
  'POLICY_DENIED',
  'RESOURCE_NOT_FOUND',
  'LANES_UNSUPPORTED',
  'LANES_FULL',
];
