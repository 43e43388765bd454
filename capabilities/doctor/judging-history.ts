// Histories that contradict what was signed before, ours and a peer's: they stand still until a
// person decides, and links with them look stalled meanwhile.
import type { ErrorCode, ErrorReport } from '@hansa/foundation';
import type { Mirror } from '../sync/contract.ts';
import type { Finding } from './contract.ts';
import type { LinkFacts } from './looking.ts';

const namedMax = 5; // mirrors in one sentence; the rest is counted

const historyCodes: readonly ErrorCode[] = ['HEAD_FORKED', 'HEAD_REWOUND', 'RESOURCE_REWOUND'];

/** Whether the mirror stands still because of its owner's history. */
export function isHistory({ state, lastError }: Mirror): boolean {
  return state === 'halted' && lastError !== undefined && historyCodes.includes(lastError.code);
}

/** What we own and publish nothing of; every resource says why itself. */
export function judgeOwnHistory(rewound: readonly ErrorReport[]): readonly Finding[] {
  const shown = { check: 'history', side: 'here' } as const;
  return rewound.length === 0
    ? [{ ...shown, passed: true, finding: 'nothing of ours is behind what a peer holds of it' }]
    : rewound.map(({ code, message, fix }) => ({
        ...shown,
        passed: false,
        finding: message,
        fix,
        code,
      }));
}

/** What we mirror of a peer that has lost, or doubled, its own past. */
export function judgeHistories({ mirrors, link }: LinkFacts): readonly Finding[] {
  const halted = mirrors.filter(isHistory);
  const shown = { check: 'history', side: 'there' } as const;
  if (halted.length === 0) {
    return [
      { ...shown, passed: true, finding: `nothing contradicts the histories of ${link.name}` },
    ];
  }
  return [
    {
      ...shown,
      passed: false,
      finding: `what ${link.name} serves contradicts what it had signed: ${named(halted)}`,
      fix: `at ${link.name}: hansa recover list, then adopt what we hold, or begin a new epoch`,
      code: halted[0]?.lastError?.code,
    },
  ];
}

/** So that a sentence stays one, however many they are. */
export function named(mirrors: readonly Mirror[]): string {
  const shown = mirrors.slice(0, namedMax).map(({ name, state, lastError }) => {
    const why = lastError === undefined ? state : `${state}: ${lastError.message}`;
    return `${name} (${why})`;
  });
  const left = mirrors.length - shown.length;
  return shown.join('; ') + (left > 0 ? `; and ${left} more` : '');
}
