// `hansa quarantine …`: from whom nothing is pulled, why, and the way back.
import {
  flagOption,
  momentText,
  problemText,
  remote,
  requiredArgument,
  requireYes,
  type Command,
  type CommandContext,
  type CommandView,
} from '@hansa/foundation';
import {
  quarantinesContract,
  type Quarantine,
  type Quarantines,
  type SelfSuspicion,
} from './contract.ts';

const list: Command = {
  noun: 'quarantine',
  verb: 'list',
  summary: 'List from whom nothing is pulled, and which mirrors stand still, with the reasons.',
  options: [{ flags: '--all', description: 'also what is over and kept as evidence' }],
  examples: ['hansa quarantine list', 'hansa quarantine list --all'],
  async run(context) {
    const all = flagOption(context, 'all');
    const data = await quarantinesOf(context).list({ all }, { signal: context.signal });
    const [peer] = data.peers;
    const views = [peersTable(data.peers), ...data.ourselves.map(suspicionView)];
    return {
      data,
      view: { kind: 'stack', views },
      next: [peer === undefined ? 'hansa link list' : `hansa quarantine show ${peer.peerName}`],
    };
  },
};

const show: Command = {
  noun: 'quarantine',
  verb: 'show',
  summary: 'Show what there is against a peer.',
  args: [{ name: '<peer>', description: 'name or id of the peer' }],
  examples: ['hansa quarantine show bergen'],
  async run(context) {
    const peer = requiredArgument(context, 'peer');
    const data = await quarantinesOf(context).show({ peer }, { signal: context.signal });
    const { state, peerName } = data;
    return {
      data,
      view: { kind: 'stack', views: [peersTable([data]), evidenceTable(data)] },
      next: [state === 'over' ? 'hansa quarantine list' : `hansa quarantine lift ${peerName}`],
    };
  },
};

const lift: Command = {
  noun: 'quarantine',
  verb: 'lift',
  summary: 'Pull from a peer again, or let a mirror follow again; the evidence stays.',
  args: [{ name: '<subject>', description: 'a peer, or <peer>:<name> of a mirror' }],
  options: [{ flags: '--yes', description: 'lift it without being asked' }],
  examples: ['hansa quarantine lift bergen --yes', 'hansa quarantine lift lubeck:hansa --yes'],
  async run(context) {
    const peerOrMirror = requiredArgument(context, 'subject');
    await requireYes(context, `Pull from ${peerOrMirror} again?`);
    const data = await quarantinesOf(context).lift({ peerOrMirror }, { signal: context.signal });
    return {
      data,
      view: { kind: 'text', text: `Lifted: ${peerOrMirror} is pulled from again.` },
      next: ['hansa sync status'],
    };
  },
};

function peersTable(peers: readonly Quarantine[]): CommandView {
  return {
    kind: 'table',
    columns: ['PEER', 'STATE', 'UNTIL', 'RESOURCES', 'LAST'],
    rows: peers.map(({ peerName, state, untilMs, incidents }) => [
      peerName,
      state,
      untilMs === undefined ? '-' : momentText(untilMs),
      String(new Set(incidents.map(({ resource }) => resource)).size),
      incidents[0]?.error.code ?? '-',
    ]),
    empty: 'Nobody is quarantined.',
  };
}

function evidenceTable({ incidents }: Quarantine): CommandView {
  return {
    kind: 'table',
    columns: ['WHEN', 'RESOURCE', 'AS', 'TIMES', 'WHAT'],
    rows: incidents.map(({ lastMs, resource, answersAs, times, error }) => [
      momentText(lastMs),
      resource.slice(resource.indexOf(':') + 1),
      answersAs,
      String(times),
      problemText(error),
    ]),
    empty: 'No evidence is kept.',
  };
}

function suspicionView({ resource, sources, sinceMs }: SelfSuspicion): CommandView {
  const text =
    `${resource} stands still since ${momentText(sinceMs)}: ${sources.length} sources ` +
    `failed within ` +
    'a minute, so this machine’s disk or memory is in doubt.';
  return { kind: 'text', text };
}

export const quarantineCommands: readonly Command[] = [list, show, lift];

function quarantinesOf({ carrier }: CommandContext): Quarantines {
  return remote(quarantinesContract, carrier);
}
