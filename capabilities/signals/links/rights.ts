// What the router of a linked cluster may do here, as the policies say it of namespaces: `pull`
// lets it read their addresses, `push` lets its people write them. Asked with every message, and
// what has changed holds from the next one on.
import { splitFederatedId, type Clock, type ClusterId } from '@hansa/foundation';
import type { Peers } from '../../links/contract.ts';
import type { NamespaceBook, StatedNamespace } from '../../namespaces/contract.ts';
import type { MirrorEnforcement, Verb } from '../../policies/contract.ts';
import { covers } from '../patterns/covering.ts';
import { createPatternIndex } from '../patterns/trie.ts';
import type { SignalAccess, SignalVerb } from '../router/access.ts';

/** A rule may end by time alone, which nobody tells: it is asked again so soon. */
const askAgainMs = 100;
/** Addresses of which is remembered what may be done there; beyond it all are looked up anew. */
const decidedMax = 16_384;

export interface RightsNeeds {
  readonly cluster: ClusterId;
  readonly clock: Clock;
  readonly peers: Peers;
  readonly enforcement: Pick<MirrorEnforcement, 'visible' | 'visibleMirrored' | 'subscribe'>;
  readonly book: NamespaceBook;
}

/** Patterns, by what may be done there. */
export interface PeerMay {
  readonly read: readonly string[];
  readonly write: readonly string[];
  /** Where changes may come from over the link. */
  readonly bring: readonly string[];
  /** Where writes may go to over the link. */
  readonly carry: readonly string[];
}

export interface PeerRights extends SignalAccess {
  /** As it is now. */
  may(): PeerMay;
  brings(address: string): boolean;
  carries(address: string): boolean;
  /** Something that decides may have changed. */
  outdate(): void;
}

type Act = keyof PeerMay;

const bits: Readonly<Record<Act, number>> = { read: 1, write: 2, bring: 4, carry: 8 };
const acts: readonly Act[] = ['read', 'write', 'bring', 'carry'];

export function createPeerRights(needs: RightsNeeds, peer: ClusterId): PeerRights {
  const { clock } = needs;
  let compiled: Compiled | undefined;
  let askedMs = 0;
  const now = (): Compiled => {
    const nowMs = clock.monotonicMs();
    if (compiled === undefined || nowMs - askedMs >= askAgainMs) {
      askedMs = nowMs;
      const may = mayOf(needs, peer);
      compiled = compiled !== undefined && isSame(compiled.may, may) ? compiled : compile(may);
    }
    return compiled;
  };
  return {
    subject: `cluster:${peer}`,
    routerId: peer,
    quiet: true,
    judgesAll: true,
    may: () => now().may,
    outdate() {
      askedMs = Number.NEGATIVE_INFINITY;
    },
    brings: (address) => now().allows('bring', address),
    carries: (address) => now().allows('carry', address),
    allows(verb: SignalVerb, address) {
      if (verb === 'own') {
        return false; // that is stated, and not for it to say
      }
      return verb === 'watch'
        ? now().may.read.some((pattern) => covers(pattern, address))
        : now().allows(verb, address);
    },
  };
}

export function isSame(one: PeerMay, other: PeerMay): boolean {
  return acts.every(
    (act) =>
      one[act].length === other[act].length &&
      one[act].every((pattern, at) => pattern === other[act][at]),
  );
}

function mayOf(needs: RightsNeeds, peer: ClusterId): PeerMay {
  const { cluster, peers, book } = needs;
  const { active, mine } = peers.standing(peer);
  if (!active) {
    return { read: [], write: [], bring: [], carry: [] };
  }
  const all = book.all();
  const granted = (verb: Verb): readonly StatedNamespace[] =>
    all.filter((one) => isGranted(needs, peer, { verb, one }));
  const patterns = (of: readonly StatedNamespace[]): readonly string[] =>
    [...new Set(of.flatMap((one) => one.patterns))].toSorted();
  const pulled = granted('pull');
  const pushed = granted('push');
  // Its own, and those of which it has told us whose they are.
  const theirs = all.filter(
    (one) => one.cluster === peer || (one.cluster !== cluster && ownerOf(one) === peer),
  );
  return {
    // Its own are no secret to it.
    read: patterns([...pulled, ...all.filter((one) => one.cluster === peer)]),
    write: patterns(pushed),
    // Of what is ours, who may write it may bring back what we have lost.
    bring: patterns([
      ...pushed.filter((one) => mine || one.cluster === cluster),
      ...(mine ? theirs : []),
    ]),
    carry: patterns([...pulled, ...pushed, ...theirs]),
  };
}

function ownerOf({ resource }: StatedNamespace): ClusterId {
  return splitFederatedId(resource).owner;
}

function isGranted(
  { enforcement }: RightsNeeds,
  peer: ClusterId,
  { verb, one }: { readonly verb: Verb; readonly one: StatedNamespace },
): boolean {
  return one.role === 'own'
    ? enforcement.visible(peer, verb).has(splitFederatedId(one.resource).local)
    : enforcement.visibleMirrored(peer, verb).has(one.resource);
}

interface Compiled {
  readonly may: PeerMay;
  allows(act: Act, address: string): boolean;
}

function compile(may: PeerMay): Compiled {
  const index = createPatternIndex<number>();
  for (const act of acts) {
    may[act].forEach((pattern) => index.add(pattern, bits[act]));
  }
  const decided = new Map<string, number>();
  const lookUp = (address: string): number => {
    let found = 0;
    index.match(address, (bit) => {
      found |= bit;
    });
    if (decided.size >= decidedMax) {
      decided.clear();
    }
    decided.set(address, found);
    return found;
  };
  return {
    may,
    allows: (act, address) => ((decided.get(address) ?? lookUp(address)) & bits[act]) !== 0,
  };
}
