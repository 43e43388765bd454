// Who wrote or published something, as other routers know him: a session's id alone says nothing to
// them.

export interface Writers {
  /** Of a session of ours that others speak of, its id; others as they are called. */
  here(writer: string): string;
  elsewhere(session: string): string;
}

export function createWriters(routerId: string): Writers {
  const own = `${routerId}/`;
  // Who publishes mostly has published before.
  let last = { session: '', name: '' };
  return {
    here: (writer) => (writer.startsWith(own) ? writer.slice(own.length) : writer),
    elsewhere(session) {
      if (session !== last.session) {
        last = { session, name: `${own}${session}` };
      }
      return last.name;
    },
  };
}
