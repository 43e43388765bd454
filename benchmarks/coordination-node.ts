// A node's coordination alone, on disk and over HTTP, as a process of its own: what C2 asks. Tells
// its address to the process that started it, and ends with it.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { serve, silentLog, type Edge, type Gate } from '@hansa/foundation';
import { openHttp } from '@hansa/node';
import { openLmdbStore } from '@hansa/store-lmdb';
import { createSystemClock } from '@hansa/system-node';
import { coordinatingOn } from '../node/coordinating.ts';

export interface CoordinationNode {
  readonly edge: Edge;
  listen(): Promise<string>;
  end(): Promise<void>;
}

/** Every caller is the owner: what a gate decides is measured elsewhere (X1). */
const openGate: Gate = {
  admit: () => undefined,
  authenticate: async () => ({ kind: 'owner' }),
  authorise: () => undefined,
  record: () => undefined,
};

export async function openCoordination(): Promise<CoordinationNode> {
  const folder = mkdtempSync(join(tmpdir(), 'hansa-c2-'));
  const clock = createSystemClock();
  const store = await openLmdbStore({ folder, clock });
  const capabilities = coordinatingOn({ store, codec: createMsgpackCodec(), clock });
  const edge = serve(
    capabilities.flatMap(({ serves }) => serves),
    openGate,
  );
  const undo: (() => Promise<unknown>)[] = [];
  return {
    edge,
    async listen() {
      const road = await openHttp({
        edge,
        gate: openGate,
        routes: [],
        listen: { host: '127.0.0.1', port: 0 },
        log: silentLog,
        clock,
        version: 'measured',
      });
      undo.push(() => road.close());
      return `http://${road.address.host}:${road.address.port}`;
    },
    async end() {
      for (const step of undo) {
        await step();
      }
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

if (process.send !== undefined && process.env['HANSA_C2_NODE'] === '1') {
  const node = await openCoordination();
  process.send(await node.listen());
  process.once('disconnect', () => {
    void node.end().finally(() => process.exit());
  });
}
