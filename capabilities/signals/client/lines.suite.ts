// Lines in memory between a client and a router: what one end sends the other gets a turn later.
import type { AcceptLine, Line, LineEvents } from '../frames/line.ts';

interface Ends {
  near: LineEvents | undefined;
  far: LineEvents | undefined;
}

/** As a driver dials: `accept` is the client's end, `router` the other one. */
export function dialInMemory(router: AcceptLine): (accept: AcceptLine) => Promise<Line> {
  return async (accept) => {
    const ends: Ends = { near: undefined, far: undefined };
    let open = true;
    const close = (reason: string): void => {
      if (open) {
        open = false;
        setImmediate(() => {
          ends.near?.closed(reason);
          ends.far?.closed(reason);
        });
      }
    };
    const lineTo = (other: keyof Ends): Line => ({
      remote: 'memory',
      send(frame) {
        if (open) {
          setImmediate(() => ends[other]?.frame(frame));
        }
        return 0;
      },
      waiting: () => 0,
      read: () => undefined,
      close,
    });
    const line = lineTo('far');
    ends.near = accept(line);
    ends.far = router(lineTo('near'));
    return line;
  };
}
