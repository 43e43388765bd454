// Signed heads (protocol/history.md): what an owner said of a resource at one time. Those that
// verify are what changes and entries are held against.
import type { KeyRing } from './key-ring.ts';
import { demand, moment, short } from './problem.ts';
import {
  bytes,
  hlc,
  inner,
  nodes,
  resource,
  text,
  whole,
  type Hlc,
  type Node,
  type ResourceName,
} from './shape.ts';
import { isSigned } from './signature.ts';
import { hashOf, layOut } from './transcript.ts';

const stepsMax = 32; // protocol/history.md: of a path

export interface Head extends ResourceName {
  readonly epoch: number;
  readonly sequence: number;
  readonly chain: Buffer;
  readonly digest: Buffer;
  readonly hlc: Hlc;
  readonly asOfMs: number;
}

export interface HeadBook {
  /** Keeps a head that verifies; two that contradict each other are the owner's own forgery. */
  take(head: Head): void;
  of(resource: string, epoch: number): readonly Head[];
}

export function createHeadBook(): HeadBook {
  const held = new Map<string, Head[]>();
  const shelf = (named: string, epoch: number): Head[] => {
    const found = held.get(`${epoch} ${named}`) ?? [];
    held.set(`${epoch} ${named}`, found);
    return found;
  };
  return {
    take(head) {
      const heads = shelf(head.resource, head.epoch);
      const other = heads.find(({ sequence }) => sequence === head.sequence);
      demand(
        other === undefined || (other.chain.equals(head.chain) && other.digest.equals(head.digest)),
        `${short(head.owner)} has signed two histories of ${head.resource.slice(65)}: ` +
          `at ${head.epoch}/${head.sequence} another head says otherwise`,
      );
      heads.push(head);
    },
    of: (named, epoch) => shelf(named, epoch),
  };
}

/** The head, where its path leads to a root that its owner signed. */
export function verifyHead(item: Node, keys: KeyRing): Head {
  const head = readHead(item);
  const { owner, epoch, sequence, chain, digest } = head;
  const tick = inner(item, 'tick');
  const keyIndex = whole(tick, 'keyIndex');
  const said = layOut(
    'hansa/head/1',
    head.resource,
    epoch,
    sequence,
    chain,
    digest,
    head.hlc[0],
    head.hlc[1],
  );
  const leaf = hashOf('hansa/head-leaf/1', bytes(item, 'salt', 32), said);
  const root = bytes(tick, 'root', 32);
  demand(
    climb(leaf, item).equals(root),
    `its path does not lead to the root that ${short(owner)} signed: the head was changed`,
  );
  const key = keys.signing(owner, { keyIndex, atMs: head.asOfMs });
  demand(
    isSigned(
      key,
      layOut('hansa/tick/1', root, head.asOfMs, keyIndex),
      bytes(tick, 'signature', 64),
    ),
    `its tick of ${moment(head.asOfMs)} is not signed by key ${keyIndex} of ${short(owner)}`,
  );
  return head;
}

function readHead(item: Node): Head {
  return {
    ...resource(item),
    epoch: whole(item, 'epoch'),
    sequence: whole(item, 'sequence'),
    chain: bytes(item, 'chain', 32),
    digest: bytes(item, 'digest', 32),
    hlc: hlc(item),
    asOfMs: whole(inner(item, 'tick'), 'asOfMs'),
  };
}

function climb(leaf: Buffer, item: Node): Buffer {
  const steps = nodes(item, 'path');
  demand(steps.length <= stepsMax, `its path has ${steps.length} steps, more than ${stepsMax}`);
  return steps.reduce((below, step) => {
    const sibling = bytes(step, 'hash', 32);
    const side = text(step, 'side');
    demand(side === 'left' || side === 'right', `${step.at}.side is neither left nor right`);
    return side === 'left'
      ? hashOf('hansa/merkle-node/1', sibling, below)
      : hashOf('hansa/merkle-node/1', below, sibling);
  }, leaf);
}
