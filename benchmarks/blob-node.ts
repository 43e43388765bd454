// One node of a measured pair, with notes as its kind, since they are nothing but the blobs they
// name. Told what to do by messages of the process that started it.
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { linksContract, type Link } from '@hansa/capabilities/links/contract';
import { changeOpsMax, type ChangeOp } from '@hansa/capabilities/resources/contract';
import { syncContract, type FederatedKind } from '@hansa/capabilities/sync/contract';
import { fromUtf8, localId, manifestId, splitFederatedId, toHex, utf8 } from '@hansa/foundation';
import type { Drivers } from '@hansa/node';
import { createNoteKind } from '../testkit/note-kind.ts';
import { askedBy } from './asked.ts';
import { startMeasured } from './measured-node.ts';

/** What the starting process may ask; every answer is plain data. */
export interface BlobNode {
  invite(): Promise<string>;
  accept(token: string): Promise<void>;
  /** A resource of notes that everybody linked may pull. */
  publish(name: string): Promise<void>;
  /** Stores the files as blobs and appends notes that name them. */
  add(name: string, paths: readonly string[]): Promise<void>;
  /** Appends a note that says what time it is. */
  note(name: string): Promise<void>;
  /** Mirrors it, and waits until so many notes of it are applied. */
  mirror(resource: string, notes: number): Promise<void>;
  link(peer: string): Promise<Link>;
  /** Whether a blob that was applied has the same bytes as the file. */
  holds(path: string): Promise<boolean>;
  /** Starts to watch, or ends and tells what it saw. */
  watch(peer: string): Promise<void>;
  seen(): Promise<Seen>;
}

export interface Seen {
  /** Since the last beat of the peer, at the worst moment. */
  readonly silentMsMax: number;
  readonly statuses: readonly string[];
  /** The longest that the event loop stood still. */
  readonly loopMsMax: number;
  /** From writing a timed note there to applying it here. */
  readonly noteMs: readonly number[];
}

const sampleMs = 20;
const notesPerChange = changeOpsMax / 2; // each is an operation and a blob
const [data = '', name = '', dataPlane = 'negotiated'] = process.argv.slice(2);
const noteMs: number[] = [];
/** Notes by resource, since they were last waited for. */
const applied = new Map<string, number>();
/** Notes that say how late they are. */
function timedNotes(drivers: Drivers): FederatedKind {
  const notes = createNoteKind(drivers);
  return {
    ...notes,
    async stage(before, changes, signal) {
      const staged = await notes.stage(before, changes, signal);
      return {
        ...staged,
        async commit() {
          await staged.commit();
          const puts = changes.flatMap(({ change }) => change.ops);
          const { local } = splitFederatedId(before.resource);
          applied.set(local, (applied.get(local) ?? 0) + puts.length);
          for (const op of puts) {
            const text = 'put' in op ? fromUtf8(op.put.value) : '';
            if (text.startsWith('at ')) {
              noteMs.push(Date.now() - Number(text.slice(3)));
            }
          }
        },
      };
    },
  };
}

const measured = await startMeasured({
  data,
  name,
  flags: { 'data-plane': dataPlane },
  kinds: (drivers) => [timedNotes(drivers)],
});
const { clock, resources, drivers, ask, invite, accept, share } = measured;
const { blobs, crypto } = drivers;
const links = ask(linksContract);
const sync = ask(syncContract);
const delay = monitorEventLoopDelay({ resolution: 5 });
let watching: AbortController | undefined;
let silentMsMax = 0;
let statuses = new Set<string>();

function append(resource: string, ops: readonly ChangeOp[]): Promise<unknown> {
  return resources.append(localId('note', resource), ops, { author: 'benchmark' });
}

async function noteOf(path: string, at: number): Promise<ChangeOp> {
  const info = await blobs.put(createReadStream(path, { highWaterMark: 1_048_576 }));
  const reference = { ...info, manifest: manifestId(crypto, info, await blobs.chunks(info.id)) };
  return { put: { key: utf8(`${at}`), value: utf8(path), blobs: [reference] } };
}

async function sample(peer: string, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    const link = await links.show({ peer });
    silentMsMax = Math.max(silentMsMax, link.silentMs ?? 0);
    statuses.add(link.status);
    await clock.sleep(sampleMs, signal).catch(() => undefined);
  }
}

let added = 0;
const node: BlobNode = {
  invite,
  accept,
  async publish(resource) {
    await resources.create({ kind: 'note', name: resource });
    await share('note', resource);
  },
  async add(resource, paths) {
    for (let at = 0; at < paths.length; at += notesPerChange) {
      const page = paths.slice(at, at + notesPerChange);
      await append(resource, await Promise.all(page.map((path) => noteOf(path, (added += 1)))));
    }
  },
  async note(resource) {
    const key = utf8(`${(added += 1)}`);
    await append(resource, [{ put: { key, value: utf8(`at ${Date.now()}`), blobs: [] } }]);
  },
  async mirror(resource, count) {
    const local = resource.slice(resource.indexOf(':') + 1);
    const { mirrors } = await sync.list({});
    if (!mirrors.some((each) => each.resource.endsWith(`:${local}`))) {
      await sync.add({ resource });
    }
    while ((applied.get(local) ?? 0) < count) {
      await clock.sleep(1);
    }
    applied.set(local, (applied.get(local) ?? 0) - count);
  },
  link: (peer) => links.show({ peer }),
  async holds(path) {
    const hasher = crypto.hasher();
    const file = await open(path);
    for await (const piece of file.createReadStream()) {
      hasher.update(piece as Buffer);
    }
    const id = toHex(hasher.digest());
    for await (const info of blobs.list()) {
      if (info.id === id) {
        return true;
      }
    }
    return false;
  },
  async watch(peer) {
    watching = new AbortController();
    silentMsMax = 0;
    statuses = new Set();
    noteMs.length = 0;
    delay.reset();
    delay.enable();
    void sample(peer, watching.signal);
  },
  async seen() {
    watching?.abort();
    delay.disable();
    const loopMsMax = delay.max / 1e6;
    return { silentMsMax, statuses: [...statuses], loopMsMax, noteMs: [...noteMs] };
  },
};

askedBy(node, measured.end);
