// How a plan reads: alike wherever a change is planned, so contracts that speak of plans hand it
// on.
import type { CommandView } from '@hansa/foundation';
import type { Plan } from './plan.ts';

export function planView({ rows, truncated }: Plan): CommandView {
  const drawn: CommandView = {
    kind: 'table',
    columns: ['CHANGE', 'PEER', 'RESOURCE', 'VERBS'],
    rows: rows.map(({ change, peerName, resource, verbs }) => [
      change,
      peerName,
      resource,
      verbs.join(', '),
    ]),
    empty: 'Nobody gains or loses anything now.',
  };
  const cut: CommandView = {
    kind: 'text',
    text: `Only the first ${rows.length} changes are shown.`,
  };
  return truncated ? { kind: 'stack', views: [drawn, cut] } : drawn;
}

/** The same in lines, for a question that comes after it. */
export function planLines({ rows, truncated }: Plan): readonly string[] {
  const lines = rows.map(
    ({ change, peerName, resource, verbs }) =>
      `${peerName} ${change} ${verbs.join(', ')} on ${resource}`,
  );
  return truncated ? [...lines, `Only the first ${rows.length} changes are shown.`] : lines;
}

/** `bergen loses access to 3 resource(s).` */
export function planSentence({ rows, truncated }: Plan): string {
  const count = (change: 'gains' | 'loses'): string => {
    const named = rows.filter((row) => row.change === change);
    const peers = [...new Set(named.map(({ peerName }) => peerName))].join(', ');
    return named.length === 0 ? '' : `${peers} ${change} access to ${named.length} resource(s). `;
  };
  const told = `${count('loses')}${count('gains')}${truncated ? 'And more. ' : ''}`;
  return told === '' ? 'Nobody gains or loses anything now.' : told.trim();
}
