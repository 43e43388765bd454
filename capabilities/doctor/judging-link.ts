// What the facts about one link come to, as seen from here: the record, the way there, and what
// crosses. Most fundamental first: what stands before explains what comes after.
import type { ErrorCode } from '@hansa/foundation';
import type { Finding, Side } from './contract.ts';
import { judgeHistories } from './judging-history.ts';
import type { LinkFacts } from './looking.ts';

const beatsMissedMs = 6_000; // three beats: who says nothing for so long is not just behind
const clockOffsetMaxMs = 60_000; // tokens, certificates and heads tolerate as much

type Failure = Pick<Finding, 'finding' | 'fix' | 'note' | 'unknown'> & {
  readonly code?: ErrorCode | undefined;
};

export function passed(check: string, side: Side, finding: string): Finding {
  return { check, side, passed: true, finding };
}

export function failed(check: string, side: Side, failure: Failure): Finding {
  return { check, side, passed: false, ...failure };
}

export function judgeLink(facts: LinkFacts): readonly Finding[] {
  return [
    trust(facts),
    record(facts),
    keys(facts),
    ...addresses(facts),
    ...way(facts),
    handshake(facts),
    words(facts),
    ...contracts(facts),
    ...probes(facts),
    // A mirror that stands still makes the link look stalled, on both sides.
    ...judgeHistories(facts),
    beats(facts),
    halves(facts),
    ...plane(facts),
  ];
}

function trust({ blocked, link }: LinkFacts): Finding {
  return blocked
    ? failed('trust', 'here', {
        finding: `${link.name} is blocked here, and gets nothing`,
        fix: `hansa trust unblock ${link.name}`,
        code: 'CLUSTER_BLOCKED',
      })
    : passed('trust', 'here', 'not blocked');
}

function record({ link }: LinkFacts): Finding {
  return link.status === 'closed'
    ? failed('link record', 'here', {
        finding: `this cluster has closed the link to ${link.name}`,
        fix: 'make another one: hansa link invite',
        code: 'LINK_CLOSED',
      })
    : passed('link record', 'here', `link ${link.epoch} with ${link.name}`);
}

/** Forks and twins have become the reason of the link where there are any. */
function keys({ link }: LinkFacts): Finding {
  if (link.keyFork !== undefined) {
    return failed('keys', 'there', {
      finding: `two records claim key ${link.keyFork.held.keyIndex} of ${link.name}`,
      fix: `ask its people which is theirs, then: hansa identity forget ${link.name}`,
      code: 'KEY_FORKED',
    });
  }
  if (link.reason?.includes('running twice') === true) {
    return failed('keys', 'there', {
      finding: `${link.name}: ${link.reason}`,
      fix: 'its people have to stop the copy of its data folder',
      code: 'IDENTITY_TWICE',
    });
  }
  return passed('keys', 'there', 'its key log verifies, and nothing contradicts it');
}

function addresses({ link, connected }: LinkFacts): readonly Finding[] {
  const known = link.endpoints.flatMap((each) => each.addresses);
  if (known.length > 0) {
    return [passed('addresses', 'there', `${link.name} is known at ${known.join(', ')}`)];
  }
  return [
    failed('addresses', 'there', {
      finding: `no address of ${link.name} is known`,
      fix: 'wait until it dials, or have it invite again',
      code: 'DIAL_FAILED',
      note: connected,
    }),
  ];
}

function way({ link, connected, reach }: LinkFacts): readonly Finding[] {
  if (connected) {
    return [passed('dial', 'between', 'connected, and both nodes have proven who they are')];
  }
  if (reach === undefined) {
    return []; // nothing to dial with, or nobody to dial
  }
  return reach.reached
    ? [passed('dial', 'between', `its node answers after ${reach.tookMs} ms`)]
    : [
        failed('dial', 'between', {
          finding:
            `no node of ${link.name} answers at ${reach.addresses.join(', ') || 'any address'}: ` +
            (reach.error?.message ?? 'nothing was tried'),
          fix:
            'is its node up (hansa status there), and does its UDP port pass the firewalls? ' +
            'if it has moved: have it dial us, or link anew',
          code: 'DIAL_FAILED',
        }),
      ];
}

/** The node may answer and the link be refused all the same; then the last error says by what. */
function handshake({ link, connected, reach }: LinkFacts): Finding {
  const { lastError, name } = link;
  if (connected) {
    return passed('handshake', 'between', 'done');
  }
  const why =
    reach?.reached === true
      ? `the node of ${name} answers, and the link is not up`
      : 'not connected';
  if (lastError === undefined) {
    const fix = `look at the other end, too: hansa doctor at ${name}`;
    return failed('handshake', 'between', { finding: why, fix, code: 'LINK_DOWN' });
  }
  const { message, fix, code } = lastError;
  return failed('handshake', 'between', { finding: `${why}: ${message}`, fix, code });
}

function words({ link }: LinkFacts): Finding {
  const { confirmedHere, confirmedThere, checkWords, name } = link;
  if (confirmedHere && confirmedThere) {
    return passed('check words', 'between', 'confirmed on both sides');
  }
  const missing = confirmedHere ? `at ${name}` : confirmedThere ? 'here' : 'on either side';
  return failed('check words', confirmedHere ? 'there' : 'here', {
    finding: `the check words are not confirmed ${missing}: ${checkWords}`,
    fix: confirmedHere
      ? `have ${name} compare the words and confirm`
      : `compare the words with ${name}, then: hansa link confirm ${name}`,
    code: 'LINK_PENDING',
  });
}

function contracts({ view, spoken, link }: LinkFacts): readonly Finding[] {
  const theirs = view.value?.contracts;
  if (theirs === undefined) {
    return [];
  }
  const unlike = Object.entries(spoken).flatMap(([name, ours]) => {
    const there = theirs[name];
    if (there === undefined) {
      return [`${name} (not served there)`];
    }
    const common = there.min <= ours.max && ours.min <= there.max;
    return common
      ? []
      : [`${name} (here ${ours.min}-${ours.max}, there ${there.min}-${there.max})`];
  });
  const version = `${link.name} runs ${view.value?.version ?? ''}`;
  return unlike.length === 0
    ? [passed('protocol', 'between', `all contracts have a version in common; ${version}`)]
    : [
        failed('protocol', 'between', {
          finding: `no version in common of ${unlike.join(', ')}; ${version}`,
          fix: 'update the older of both nodes',
          code: 'PROTOCOL_MISMATCH',
          note: true,
        }),
      ];
}

function probes({ probe, link, connected }: LinkFacts): readonly Finding[] {
  const { value, error } = probe;
  if (value === undefined) {
    return connected ? [unprobed(link.name, error)] : [];
  }
  const { offsetMs, tookMs, arrived, bytes } = value;
  const offset = `the clock of ${link.name} is ${offsetMs} ms from ours`;
  return [
    Math.abs(offsetMs) <= clockOffsetMaxMs
      ? passed('clock', 'between', offset)
      : failed('clock', 'between', {
          finding: offset,
          fix: 'compare both with a clock you trust, and set the wrong one (NTP)',
          code: 'CLOCK_AHEAD',
        }),
    passed('round trip', 'between', `${tookMs} ms`),
    arrived
      ? passed('frame size', 'between', `${bytes} bytes arrived in one frame`)
      : failed('frame size', 'between', {
          finding: `only ${bytes} bytes of a large frame arrived`,
          fix: 'a path with a small MTU: try another network, or a relay of your own',
          code: 'FRAME_TOO_LARGE',
        }),
  ];
}

/** A node of before the doctor answers everything else; that it has none is no fault. */
export function isOld(error: LinkFacts['probe']['error']): boolean {
  return error?.code === 'METHOD_UNKNOWN' || error?.code === 'PROTOCOL_MISMATCH';
}

function unprobed(name: string, error: LinkFacts['probe']['error']): Finding {
  const old = isOld(error);
  return failed('round trip', 'between', {
    finding: `${name} did not answer a probe: ${error?.message ?? 'no reason is known'}`,
    fix: old ? `update ${name}: it has no doctor to ask` : error?.fix,
    code: error?.code,
    note: old,
  });
}

const working: readonly string[] = ['live', 'idle'];
const beginning: readonly string[] = ['syncing', 'connecting', 'handshaking'];

function beats({ link }: LinkFacts): Finding {
  const { status, reason, silentMs, name } = link;
  const heard = silentMs === undefined ? 'no beat yet' : `last beat ${silentMs} ms ago`;
  const finding = `${status}: ${reason ?? heard}`;
  if (working.includes(status)) {
    return passed('beats', 'between', `${status}, ${heard}`);
  }
  const fixes: Readonly<Partial<Record<string, string>>> = {
    diverged: 'hansa sync diff names the resources',
    stalled:
      silentMs !== undefined && silentMs < beatsMissedMs
        ? `its node answers: hansa sync diff names what is behind, here and at ${name}`
        : `is the node of ${name} overloaded or stopped? hansa doctor there`,
    blind: `its node takes our connection and says nothing: restart it`,
  };
  return failed('beats', 'between', {
    finding,
    fix: fixes[status],
    code: 'LINK_DOWN',
    note: beginning.includes(status),
  });
}

function halves({ link }: LinkFacts): Finding {
  const { mine, theirs, name } = link;
  const here = mine ? 'we may mirror from it' : 'we only serve it';
  const there = theirs ? 'it may mirror from us' : 'it only serves us';
  return passed('half-links', 'between', `${here}, ${there} (${name})`);
}

function plane({ link }: LinkFacts): readonly Finding[] {
  const { bulk } = link;
  if (bulk === undefined) {
    return [];
  }
  return [
    passed(
      'data plane',
      'between',
      bulk.carries === 'tls'
        ? 'bulk goes over TLS'
        : `bulk goes over the link${bulk.reason === undefined ? '' : `: ${bulk.reason}`}`,
    ),
  ];
}
