// How a client asks a cluster: one node, and another where that is safe. What it is told decides
// whether it is certain that nothing happened; everything else may have.
import type { Heard } from '../../../testkit/nemesis/history.ts';
import { setTimeout as later } from 'node:timers/promises';
import { connect } from '@hansa/client';
import { isHansaError, type Contract } from '@hansa/foundation';
import type { NodeProcess } from '../world/node-process.ts';

export interface ClusterUnderTest {
  readonly name: string;
  /** One, or several of which any answers. */
  readonly nodes: readonly NodeProcess[];
}

export interface Asking<S extends object> {
  /** Certainly changes nothing: any node may be asked again. */
  read(work: (service: S) => Promise<unknown>): Promise<Heard>;
  /** Asked again only where it is certain that nothing happened. */
  write(work: (service: S) => Promise<unknown>): Promise<Heard>;
}

const answerWithinMs = 3_000; // a client that waits for ever learns nothing
const roundMs = 250; // after every node was asked once: a takeover takes seconds

// What a node answers before it has done anything, or instead of doing it.
const nothingHappened: ReadonlySet<string> = new Set([
  'CONFLICT',
  'COORDINATION_BUSY',
  'COORDINATION_DIFFERS',
  'COORDINATION_EXISTS',
  'COORDINATION_FULL',
  'COORDINATION_LOST',
  'COORDINATION_NOT_FOUND',
  'DISK_FULL',
  'ENTRY_NOT_FOUND',
  'FORBIDDEN',
  'INPUT_INVALID',
  'INPUT_TOO_LARGE',
  'LINK_NOT_FOUND',
  'MIRROR_NOT_FOUND',
  'NODE_DEPOSED',
  'NODE_UNAVAILABLE',
  'RATE_LIMITED',
  'RESOURCE_NOT_FOUND',
  'SHUTTING_DOWN',
  'STORE_LIMIT',
  'STORE_UNAVAILABLE',
  'UNAUTHENTICATED',
]);
// An answer to who reads: another node would say the same.
const notThere: ReadonlySet<string> = new Set(['COORDINATION_NOT_FOUND', 'ENTRY_NOT_FOUND']);
// No connection was made.
const neverSent: ReadonlySet<unknown> = new Set(['ECONNREFUSED', 'ENOENT', 'EAGAIN']);
// Another node may be better off: what the product's own client takes for a reason to ask one.
const elsewhere: ReadonlySet<string> = new Set([
  'NODE_DEPOSED',
  'NODE_UNAVAILABLE',
  'NODE_UNREACHABLE',
  'SHUTTING_DOWN',
  'STORE_UNAVAILABLE',
]);
const hung = 'TIMED_OUT';
// then the next: whoever stayed would end with the node that never fails, and try no other
const callsPerNode = 40;

export function asking<S extends object>(
  cluster: ClusterUnderTest,
  contract: Contract<S>,
  first = 0,
): Asking<S> {
  let preferred = first;
  let calls = 0;
  const each = async (
    work: (service: S) => Promise<unknown>,
    goOn: (heard: Refusal) => boolean,
  ): Promise<Heard> => {
    let last: Refusal;
    const count = cluster.nodes.length;
    calls += 1;
    preferred += calls % callsPerNode === 0 ? 1 : 0;
    const endMs = performance.now() + answerWithinMs;
    for (let tried = 1; ; tried += 1) {
      const heard = await attempt(cluster.nodes[preferred % count], contract, work);
      if (heard.outcome === 'ok') {
        return heard;
      }
      last = heard;
      preferred += hung === last.code ? 1 : 0; // the next call goes elsewhere
      if (count === 1 || !goOn(last) || performance.now() > endMs) {
        return { outcome: last.outcome, why: last.why };
      }
      preferred += 1;
      if (tried % count === 0) {
        await later(roundMs);
      }
    }
  };
  return {
    read: (work) => each(work, ({ code }) => !notThere.has(code)),
    write: (work) => each(work, ({ outcome, code }) => outcome === 'fail' && elsewhere.has(code)),
  };
}

interface Refusal {
  readonly outcome: 'fail' | 'unknown';
  readonly why: string;
  readonly code: string;
}

async function attempt<S extends object>(
  node: NodeProcess | undefined,
  contract: Contract<S>,
  work: (service: S) => Promise<unknown>,
): Promise<Extract<Heard, { outcome: 'ok' }> | Refusal> {
  let service: S;
  try {
    service = serviceOf(node, contract);
  } catch (error) {
    return { outcome: 'fail', why: String(error), code: 'NODE_UNREACHABLE' };
  }
  try {
    return { outcome: 'ok', value: await work(service) };
  } catch (error) {
    return refusal(error);
  }
}

/** Throws where the node's folder says nothing of how to reach it. */
export function serviceOf<S extends object>(
  node: NodeProcess | undefined,
  contract: Contract<S>,
  timeoutMs: number = answerWithinMs,
): S {
  if (node === undefined) {
    throw new Error('a cluster has no nodes');
  }
  const address = node.address();
  const name = `${contract.name} ${timeoutMs} ${address.socketPath} ${address.token}`;
  const services = opened.get(node) ?? new Map<string, unknown>();
  opened.set(node, services);
  const service = services.get(name) ?? connect(contract, { ...address, timeoutMs });
  services.set(name, service);
  return service as S;
}

/** Connections are kept, as programs keep them; a node with another token is another one. */
const opened = new WeakMap<NodeProcess, Map<string, unknown>>();

function refusal(error: unknown): Refusal {
  if (!isHansaError(error)) {
    return { outcome: 'unknown', why: String(error), code: '' };
  }
  const { code, message, cause } = error;
  const failedBefore =
    code === 'NODE_UNREACHABLE' &&
    cause instanceof Error &&
    'code' in cause &&
    neverSent.has(cause.code);
  const certain = failedBefore || nothingHappened.has(code);
  return { outcome: certain ? 'fail' : 'unknown', why: `${code}: ${message}`, code };
}
