// Changes and entries held against signed heads (protocol/history.md): a chain of changes leads to
// the chain that was signed, and entries give the digest that was signed.
import { digestOf, type Leaf } from './digest.ts';
import type { Head, HeadBook } from './heads.ts';
import { demand, moment, Problem, short } from './problem.ts';
import {
  bytes,
  has,
  hlc,
  id,
  inner,
  nodes,
  resource,
  text,
  whole,
  type Node,
  type ResourceName,
} from './shape.ts';
import { hashOf, layOut, type Field } from './transcript.ts';

interface Line extends ResourceName {
  readonly epoch: number;
}

function lineOf(item: Node): Line {
  return { ...resource(item), epoch: whole(item, 'epoch') };
}

/** Items of one resource and epoch belong together, in the order in which they are given. */
export function lineKey(item: Node): string {
  const { resource: named, epoch } = lineOf(item);
  return `${epoch} ${named}`;
}

function first<T>(items: readonly T[]): T {
  const [one] = items;
  if (one === undefined) {
    throw new Problem('there is nothing to check');
  }
  return one;
}

// ---- changes ----

interface Walk {
  readonly line: Line;
  readonly heads: ReadonlyMap<number, Head>;
  /** Undefined where the changes do not begin with the epoch: then its content is not known. */
  readonly entries: Map<string, Leaf> | undefined;
  sequence: number;
  chain: Buffer;
  changes: number;
  signed: Head | undefined;
}

export function verifyChanges(
  items: readonly Node[],
  book: HeadBook,
): { readonly of: string; readonly sentence: string } {
  const start = first(items);
  const line = lineOf(start);
  const heads = new Map(book.of(line.resource, line.epoch).map((head) => [head.sequence, head]));
  const after = inner(start, 'after');
  const chain = bytes(after, 'chain', 32);
  const fromStart = hashOf('hansa/chain-first/1', line.resource, line.epoch).equals(chain);
  const sequence = whole(after, 'sequence');
  const entries = fromStart ? new Map<string, Leaf>() : undefined;
  const walk: Walk = {
    line,
    heads,
    entries,
    sequence,
    chain,
    changes: 0,
    signed: undefined,
  };
  for (const item of items) {
    continueAt(walk, inner(item, 'after'));
    for (const each of nodes(item, 'changes')) {
      step(walk, each);
    }
  }
  const { signed } = walk;
  if (signed === undefined || signed.sequence !== walk.sequence) {
    throw new Problem(`no verified head says that the changes end at ${at(walk)}`);
  }
  const begun = fromStart
    ? 'from the first one on, with the content that they give'
    : `after ${sequence}`;
  return {
    of: line.owner,
    sentence:
      `${walk.changes} change(s), ${begun}, ` + `lead to the head of ${moment(signed.asOfMs)}`,
  };
}

function at({ line, sequence }: Walk): string {
  return `${line.epoch}/${sequence}`;
}

function continueAt(walk: Walk, after: Node): void {
  demand(
    whole(after, 'sequence') === walk.sequence && bytes(after, 'chain', 32).equals(walk.chain),
    `${after.at} does not go on where the changes before it end (${at(walk)}): some are missing`,
  );
}

function step(walk: Walk, item: Node): void {
  const change = inner(item, 'change');
  const sequence = whole(item, 'sequence');
  const named = `change ${walk.line.epoch}/${sequence}`;
  demand(whole(change, 'epoch') === walk.line.epoch, `${named} is of another epoch`);
  demand(
    whole(change, 'previous') === walk.sequence,
    `${named} follows ${whole(change, 'previous')}, and the one before it is ${walk.sequence}: ` +
      'changes are missing, or out of order',
  );
  demand(sequence > walk.sequence, `${named} is not later than the one before it`);
  walk.chain = hashOf('hansa/chain/1', walk.chain, changeBytes(change, named));
  walk.sequence = sequence;
  walk.changes += 1;
  if (walk.entries !== undefined) {
    writeOps(walk.entries, nodes(change, 'ops'));
  }
  const head = walk.heads.get(sequence);
  if (head !== undefined) {
    requireHead(walk, head);
  }
}

function requireHead(walk: Walk, head: Head): void {
  demand(
    walk.chain.equals(head.chain),
    `the changes up to ${at(walk)} are not those that ${short(head.owner)} signed: one was changed`,
  );
  demand(
    walk.entries === undefined || digestOf(walk.entries.values()).equals(head.digest),
    `the content that the changes give at ${at(walk)} is not the one that was signed`,
  );
  walk.signed = head;
}

function changeBytes(change: Node, named: string): Buffer {
  const [wall, counter] = hlc(change);
  const written = new Set<string>();
  const fields = nodes(change, 'ops').flatMap((op) => {
    const { key, rest } = opOf(op);
    const spelled = key.toString('hex');
    demand(!written.has(spelled), `${named} writes the key ${spelled} twice`);
    written.add(spelled);
    return rest === undefined ? ['delete', key] : ['put', key, rest.value, rest.references];
  });
  return layOut(
    'hansa/change/1',
    whole(change, 'epoch'),
    whole(change, 'previous'),
    wall,
    counter,
    text(change, 'author'),
    ...fields,
  );
}

function opOf(op: Node): {
  readonly key: Buffer;
  readonly rest?: { readonly value: Buffer; readonly references: Buffer };
} {
  if (has(op, 'delete')) {
    return { key: bytes(inner(op, 'delete'), 'key') };
  }
  const put = inner(op, 'put');
  return { key: bytes(put, 'key'), rest: contentOf(put) };
}

function contentOf(from: Node): { readonly value: Buffer; readonly references: Buffer } {
  const fields = nodes(from, 'blobs').flatMap((blob): Field[] => [
    Buffer.from(id(blob, 'id'), 'hex'),
    whole(blob, 'sizeBytes'),
    Buffer.from(id(blob, 'manifest'), 'hex'),
  ]);
  return { value: bytes(from, 'value'), references: layOut('hansa/blob-references/1', ...fields) };
}

function valueHash({ value, references }: ReturnType<typeof contentOf>): Buffer {
  return hashOf('hansa/value/1', value, references);
}

/** A version is 1 when an entry is made, one more with every write, 1 again after a removal. */
function writeOps(entries: Map<string, Leaf>, ops: readonly Node[]): void {
  for (const op of ops) {
    const { key, rest } = opOf(op);
    const spelled = key.toString('hex');
    if (rest === undefined) {
      entries.delete(spelled);
    } else {
      const version = (entries.get(spelled)?.version ?? 0) + 1;
      entries.set(spelled, { key, version, valueHash: valueHash(rest) });
    }
  }
}

// ---- entries ----

export function verifyEntries(
  items: readonly Node[],
  book: HeadBook,
): { readonly of: string; readonly sentence: string } {
  const start = first(items);
  const line = lineOf(start);
  const sequence = whole(start, 'sequence');
  const head = book.of(line.resource, line.epoch).find((each) => each.sequence === sequence);
  if (head === undefined) {
    throw new Problem(`no verified head is of ${line.epoch}/${sequence}`);
  }
  const leaves = new Map<string, Leaf>();
  for (const item of items) {
    demand(whole(item, 'sequence') === sequence, `${item.at} is of another sequence`);
    for (const entry of nodes(item, 'entries')) {
      const key = bytes(entry, 'key');
      const spelled = key.toString('hex');
      demand(!leaves.has(spelled), `${entry.at} has the key ${spelled} for a second time`);
      const version = whole(entry, 'version');
      leaves.set(spelled, { key, version, valueHash: valueHash(contentOf(entry)) });
    }
  }
  demand(
    digestOf(leaves.values()).equals(head.digest),
    `the ${leaves.size} entries do not give the digest that ${short(head.owner)} signed for ` +
      `${line.epoch}/${sequence}: one is missing, added or changed`,
  );
  return {
    of: line.owner,
    sentence: `${leaves.size} entries are all of the content at the head of ${moment(head.asOfMs)}`,
  };
}
