// How a node that stands by passes on what arrives: bytes to bytes, over the port of nodes, to
// whichever node is active. It reads nothing of them: TLS ends where the answer is made.
import type { Socket } from 'node:net';
import { HansaError, type Log, type NodeAddress } from '@hansa/foundation';
import type { NodePort } from '@hansa/plane-tls';
import type { Way } from './front.ts';

const dialMs = 3_000; // within one site; then the client tries another node

export interface PassingOn {
  readonly way: Way;
  /** Resolves when nothing is under way any more, or after the grace. */
  end(graceMs: number): Promise<void>;
}

export function passingOn(needs: {
  readonly port: NodePort;
  readonly active: NodeAddress;
  readonly log: Log;
  /**
   * Aborts when another node is active, or none: sessions of signals end then, so that their
   * clients come again. The one that was active may be silent, and nobody would ever tell them.
   */
  readonly termOver: AbortSignal;
  /** Where somebody goes whom the active node did not take in: it may be gone. */
  readonly otherwise: Way['take'];
}): PassingOn {
  const pairs = new Set<Pair>();
  const join = async (socket: Socket, entrance: string): Promise<void> => {
    const from = socket.remoteAddress ?? '-';
    const signal = AbortSignal.timeout(dialMs);
    const far = await needs.port.dial(needs.active, [entrance, from], signal);
    await takenIn(far, signal);
    const pair: Pair = { socket, far, movedMs: performance.now() };
    pairs.add(pair);
    const { termOver } = needs;
    const over = (): void => {
      pairs.delete(pair);
      termOver.removeEventListener('abort', over);
      socket.destroy();
      far.destroy();
    };
    if (entrance === 'signals') {
      termOver.addEventListener('abort', over, { once: true });
    }
    const moved = (): void => {
      pair.movedMs = performance.now();
    };
    socket.once('close', over);
    far.once('close', over);
    far.on('data', moved);
    socket.on('data', moved);
    socket.setNoDelay(true);
    socket.pipe(far);
    far.pipe(socket);
    if (socket.destroyed || (entrance === 'signals' && termOver.aborted)) {
      over();
    }
  };
  return {
    way: {
      take(socket, entrance) {
        join(socket, entrance).catch((error: unknown) => {
          needs.log.event('nodes.not-passed-on', { reason: String(error) });
          needs.otherwise(socket, entrance);
        });
      },
      part: () => undefined,
    },
    async end(graceMs) {
      if (pairs.size > 0) {
        await tellLeaving(needs).catch(() => undefined); // then they are cut between two words
        await quiet(pairs, graceMs);
      }
    },
  };
}

/** What the active node says first: from then on, what is asked may be done. */
export const takenInByte = 0x2b;

/** Rejects where the far side did not take it in: then nothing of it was read. */
function takenIn(far: Socket, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const settle = (): void => {
      far.pause();
      far.off('readable', look);
      far.off('close', gone);
      signal.removeEventListener('abort', gone);
    };
    const gone = (): void => {
      settle();
      far.destroy();
      reject(new HansaError('CONNECTION_CLOSED', 'the active node does not take it in'));
    };
    const look = (): void => {
      const first = far.read(1) as Buffer | null;
      if (first !== null) {
        settle();
        resolve();
      }
    };
    far.on('readable', look);
    far.once('close', gone);
    signal.addEventListener('abort', gone, { once: true });
  });
}

/** The active node ends each connection of ours with its next answer. */
async function tellLeaving({
  port,
  active,
}: {
  readonly port: NodePort;
  readonly active: NodeAddress;
}): Promise<void> {
  const socket = await port.dial(active, ['leaving', '-'], AbortSignal.timeout(dialMs));
  socket.end();
}

interface Pair {
  readonly socket: Socket;
  readonly far: Socket;
  movedMs: number;
}

const quietMs = 300; // no byte either way for so long: nobody waits for an answer, as far as seen
const lookMs = 50; // six looks into a silence

/** Ends connections as they fall silent; what still speaks after the grace is cut. */
async function quiet(pairs: Set<Pair>, graceMs: number): Promise<void> {
  const untilMs = performance.now() + graceMs;
  while (pairs.size > 0) {
    const nowMs = performance.now();
    for (const pair of pairs) {
      if (nowMs >= untilMs || nowMs - pair.movedMs >= quietMs) {
        pair.socket.destroy();
        pair.far.destroy();
        pairs.delete(pair);
      }
    }
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
}
