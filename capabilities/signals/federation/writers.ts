// Who wrote or published something, as other routers know him: a session's id alone says nothing to
// them.

export interface Writers {
  /** Of a session of ours that others speak of, its id; others as they are called. */
  here(writer: string): string;
  /** The same the other way round. */
  elsewhere(writer: string): string;
}

export interface WritersNeeds {
  readonly routerId: string;
  readonly isSession: (id: string) => boolean;
}

export function createWriters({ routerId, isSession }: WritersNeeds): Writers {
  const own = `${routerId}/`;
  // Who publishes mostly has published before.
  let last = { session: '', name: '' };
  return {
    here: (writer) => (writer.startsWith(own) ? writer.slice(own.length) : writer),
    elsewhere(writer) {
      if (!isSession(writer)) {
        return writer;
      }
      if (writer !== last.session) {
        last = { session: writer, name: `${own}${writer}` };
      }
      return last.name;
    },
  };
}
