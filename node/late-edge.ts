// An edge that is handed out before it can be made: links need the one that serves all
// capabilities, links among them.
import { HansaError, type Edge, type EdgeRequest } from '@hansa/foundation';

/** Throws where it is asked before `set`. */
export function lateEdge(): { readonly edge: Edge; set(edge: Edge): void } {
  let real: Edge | undefined;
  const open = (): Edge => {
    if (real === undefined) {
      throw new HansaError('INTERNAL', 'a peer called before the node was put together');
    }
    return real;
  };
  return {
    set(edge) {
      real = edge;
    },
    edge: {
      get contracts() {
        return open().contracts;
      },
      call: (request: EdgeRequest) => open().call(request),
      watch: (request: EdgeRequest) => open().watch(request),
    },
  };
}
