// `hansa signal peers`: how it stands with the routers of linked clusters.
import { remote, type Command } from '@hansa/foundation';
import { signalPeersContract, type SignalPeer } from './contract.ts';

export const peersCommand: Command = {
  noun: 'signal',
  verb: 'peers',
  summary: 'List linked clusters: how it stands with their routers, and what may cross.',
  examples: ['hansa signal peers'],
  async run({ carrier, signal }) {
    const data = await remote(signalPeersContract, carrier).list({}, { signal });
    return {
      data,
      view: {
        kind: 'table',
        columns: ['PEER', 'STATE', 'OWNS', 'READS HERE', 'WRITES HERE', 'REASON'],
        rows: data.peers.map(rowOf),
        empty: 'No linked clusters.',
      },
      next: data.peers.length === 0 ? ['hansa link invite'] : ['hansa namespace list'],
    };
  },
};

function rowOf({ name, state, owns, reads, writes, reason }: SignalPeer): readonly string[] {
  const said = (patterns: readonly string[]): string => patterns.join(', ') || '-';
  return [name, state, said(owns), said(reads), said(writes), reason ?? '-'];
}
