// The router of the cluster that the command line speaks to, asked by its API: no URL, no port and
// no token of its own.
import { HansaError, remote, type CommandContext, type ErrorCode } from '@hansa/foundation';
import { signalContract, type SignalClient } from './contract.ts';

export interface OwnRouter extends SignalClient {
  /** Whether the node has answered anything yet. */
  readonly reached: boolean;
}

export function ownRouter({ carrier, signal }: CommandContext): OwnRouter {
  const api = remote(signalContract, carrier);
  let reached = false;
  const heard = async <T>(answer: Promise<T>): Promise<T> => {
    try {
      return await answer;
    } catch (error) {
      reached ||= !isAbsent(error);
      throw error;
    }
  };
  return {
    router: 'the cluster’s own',
    session: '',
    get reached() {
      return reached;
    },
    get: (address) => heard(api.get({ address }, { signal })),
    set: (setting) => heard(api.set(setting, { signal })),
    async emit(publication) {
      await heard(api.emit(publication, { signal }));
    },
    replay: (asked) => heard(api.replay(asked, { signal })),
    async *watch(asked) {
      try {
        for await (const news of api.watch(asked, { signal })) {
          reached = true;
          yield news;
        }
      } catch (error) {
        reached ||= !isAbsent(error);
        throw error;
      }
    },
    ended: () => Promise.reject(new TypeError('each call is a session of its own')),
    close: () => undefined,
  };
}

const absentCodes: ReadonlySet<ErrorCode> = new Set(['CONTEXT_NOT_FOUND', 'NODE_UNREACHABLE']);

/** No node is there to be asked; what another side reports of a third one is something else. */
export function isAbsent(error: unknown): boolean {
  return (
    error instanceof HansaError && absentCodes.has(error.code) && error.reportedBy === undefined
  );
}
