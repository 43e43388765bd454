// Calls to a cluster of several nodes: where one does not answer, the next is asked. A call is made
// again only where it is certain that nothing was done, or where doing it twice is doing it once.
import { HansaError, isHansaError, type AnyContract, type Carrier } from '@hansa/foundation';
import { callTimeoutMs, createHttpCarrier, type HttpCarrierOptions } from './http-carrier.ts';

export interface SeveralNodesOptions {
  /** In the order of preference; whichever answered last is asked first. */
  readonly nodes: readonly HttpCarrierOptions[];
  /** For one call with all its attempts; default `callTimeoutMs`. */
  readonly timeoutMs?: number;
}

/** Nothing was done, whatever was asked. */
const undone: readonly string[] = [
  'NODE_UNREACHABLE',
  'NODE_UNAVAILABLE',
  'NODE_DEPOSED',
  'SHUTTING_DOWN',
  'STORE_UNAVAILABLE',
];
/** It may have been done: again for what only reads. */
const doubtful: readonly string[] = ['CONNECTION_CLOSED', 'STORE_UNKNOWN_OUTCOME'];
/** It did not answer in time: the next call goes elsewhere. */
const hung = 'TIMED_OUT';
const roundMs = 250; // after every node was asked once: a takeover takes seconds

export function createClusterCarrier({ nodes, ...options }: SeveralNodesOptions): Carrier {
  const timeoutMs = options.timeoutMs ?? callTimeoutMs;
  const carriers = nodes.map((node) => createHttpCarrier({ ...node, timeoutMs, asksFirst: true }));
  let first = 0;
  const nth = (attempt: number): Carrier => {
    const carrier = carriers[(first + attempt) % carriers.length];
    if (carrier === undefined) {
      throw new HansaError('CONFIG_INVALID', 'a cluster without a node cannot be asked');
    }
    return carrier;
  };
  const answered = (attempt: number): void => {
    first = (first + attempt) % carriers.length;
  };
  return {
    // oxlint-disable-next-line eslint/max-params
    async call(contract, method, input, given) {
      const untilMs = performance.now() + timeoutMs;
      for (let attempt = 0; ; attempt += 1) {
        try {
          const answer = await nth(attempt).call(contract, method, input, given);
          answered(attempt);
          return answer;
        } catch (error) {
          if (isHansaError(error, hung)) {
            answered(attempt + 1);
          }
          if (!mayRepeat(error, contract, method) || performance.now() > untilMs) {
            throw error;
          }
          await pause(attempt, carriers.length, given.signal);
        }
      }
    },
    // oxlint-disable-next-line eslint/max-params
    async *watch(contract, method, input, given) {
      const untilMs = performance.now() + timeoutMs;
      for (let attempt = 0; ; attempt += 1) {
        let began = false;
        try {
          for await (const item of nth(attempt).watch(contract, method, input, given)) {
            began = true;
            yield item;
          }
          return;
        } catch (error) {
          // What was seen already, only the reader knows: it goes on from there.
          if (began || !mayRepeat(error, contract, method) || performance.now() > untilMs) {
            throw error;
          }
          await pause(attempt, carriers.length, given.signal);
        }
      }
    },
  };
}

function mayRepeat(error: unknown, contract: AnyContract, method: string): boolean {
  if (!isHansaError(error)) {
    return false;
  }
  const reads = contract.methods[method]?.route?.startsWith('GET ') === true;
  return undone.includes(error.code) || (reads && doubtful.includes(error.code));
}

async function pause(
  attempt: number,
  nodes: number,
  signal: AbortSignal | undefined,
): Promise<void> {
  if ((attempt + 1) % nodes === 0) {
    await new Promise((resolve) => setTimeout(resolve, roundMs));
  }
  signal?.throwIfAborted();
}
