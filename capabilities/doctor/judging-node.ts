// What the facts about this node come to, most fundamental first.
import { momentText } from '@hansa/foundation';
import type { Finding } from './contract.ts';
import { judgeOwnHistory } from './judging-history.ts';
import type { NodeFacts } from './looking.ts';

const freeBytesMin: number = 256 * 1_024 * 1_024; // below it, the next large push may not fit
const certificateLeftMinMs: number = 24 * 3_600_000; // renewed long before; less means it is stuck

export function judgeNode(facts: NodeFacts): readonly Finding[] {
  return [
    federation(facts),
    store(facts),
    ...space(facts),
    certificate(facts),
    ...facts.profile.warnings.map(({ code, message, fix }): Finding => ({
      check: 'warnings',
      side: 'here',
      passed: false,
      finding: message,
      fix,
      code,
    })),
    ...judgeOwnHistory(facts.rewound),
    addresses(facts),
    {
      check: 'discovery',
      side: 'here',
      passed: true,
      finding:
        facts.ways.length === 0
          ? 'no way of finding clusters is on: peers are dialled where they told'
          : `on: ${facts.ways.join(', ')}`,
    },
    ...facts.added,
  ];
}

function federation({ profile }: NodeFacts): Finding {
  const { problem } = profile;
  return problem === undefined
    ? { check: 'federation', side: 'here', passed: true, finding: 'on' }
    : {
        check: 'federation',
        side: 'here',
        passed: false,
        finding: `federation is off: ${problem.message}`,
        fix: problem.fix,
        code: problem.code,
      };
}

function store({ store: tried }: NodeFacts): Finding {
  const { error } = tried;
  return error === undefined
    ? {
        check: 'store',
        side: 'here',
        passed: true,
        finding: `a write was on the disk after ${tried.value} ms`,
      }
    : {
        check: 'store',
        side: 'here',
        passed: false,
        finding: `the store takes no writes: ${error.message}`,
        fix: error.fix ?? 'see the node’s log',
        code: error.code,
      };
}

function space({ freeBytes }: NodeFacts): readonly Finding[] {
  if (freeBytes === undefined) {
    return [];
  }
  const free = `${Math.floor(freeBytes / 1_048_576)} MiB are free where the data lies`;
  return freeBytes >= freeBytesMin
    ? [{ check: 'disk space', side: 'here', passed: true, finding: free }]
    : [
        {
          check: 'disk space',
          side: 'here',
          passed: false,
          finding: `only ${free}`,
          fix: 'free space before the next large push',
          code: 'DISK_FULL',
        },
      ];
}

function certificate({ profile, nowMs }: NodeFacts): Finding {
  const shown = { check: 'certificate', side: 'here' } as const;
  const { certificate: held, problem } = profile;
  if (held === undefined) {
    return {
      ...shown,
      passed: problem !== undefined, // without federation there is none, and that is said already
      finding: 'this node has no certificate',
      code: 'CERTIFICATE_INVALID',
    };
  }
  const until = `this node's certificate is good until ${momentText(held.notAfterMs)}`;
  const isRunningOut = held.notAfterMs - nowMs < certificateLeftMinMs;
  return isRunningOut || nowMs < held.notBeforeMs
    ? {
        ...shown,
        passed: false,
        finding: `${until}: it has not renewed itself, or this clock is wrong`,
        fix: 'compare the clock; then restart the node, which renews it',
        code: 'CERTIFICATE_EXPIRED',
      }
    : { ...shown, passed: true, finding: until };
}

function addresses({ addresses: own, profile }: NodeFacts): Finding {
  const shown = { check: 'addresses', side: 'here' } as const;
  if (own.length === 0) {
    return {
      ...shown,
      passed: profile.problem !== undefined,
      finding: 'this node listens nowhere',
      code: 'FEDERATION_OFF',
    };
  }
  const relayed = own.some((each) => each.startsWith('https:')) ? ', and by a relay' : '';
  const local = own.every((each) => /^(?:127\.|\[::1\])/.test(each));
  return {
    ...shown,
    passed: true,
    finding: local
      ? `peers reach this node at ${own.join(', ')}: on this machine alone`
      : `peers reach this node at ${own.join(', ')}${relayed}`,
  };
}
