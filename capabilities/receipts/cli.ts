// `hansa receipt …` and `hansa mirror retain`: what becomes of copies that are not shared any more.
import {
  flagOption,
  HansaError,
  momentText,
  problemText,
  remote,
  requiredArgument,
  requireYes,
  textOption,
  type Command,
  type CommandContext,
  type CommandView,
} from '@hansa/foundation';
import {
  receiptsContract,
  type CopyName,
  type Holding,
  type HoldingState,
  type Receipts,
} from './contract.ts';

const peerArgument = { name: '<peer>', description: 'name or id of who holds the copy' };
const resourceArgument = { name: '<resource>', description: 'ours: its name, or <kind>/<name>' };

const list: Command = {
  noun: 'receipt',
  verb: 'list',
  summary: 'List who was asked to give up copies of ours, and who has.',
  options: [
    { flags: '--peer <peer>', description: 'only copies that this peer holds' },
    { flags: '--resource <resource>', description: 'only copies of this resource' },
    { flags: '--all', description: 'also copies that are shared and kept' },
  ],
  examples: ['hansa receipt list', 'hansa receipt list --resource hansa --all'],
  async run(context) {
    const data = await receiptsOf(context).list(
      {
        peer: textOption(context, 'peer'),
        resource: textOption(context, 'resource'),
        all: flagOption(context, 'all'),
      },
      { signal: context.signal },
    );
    const [first] = data.holdings;
    return {
      data,
      view: holdingsTable(data.holdings, data.truncated),
      next: [
        first === undefined
          ? 'hansa share list'
          : `hansa receipt show ${first.peerName} ${first.id}`,
      ],
    };
  },
};

const show: Command = {
  noun: 'receipt',
  verb: 'show',
  summary: 'Show one copy and the signed word of who holds it; -o json has what a file needs.',
  args: [peerArgument, resourceArgument],
  examples: ['hansa receipt show bergen git/hansa', 'hansa receipt show bergen hansa -o json'],
  async run(context) {
    const data = await receiptsOf(context).show(copyOf(context), { signal: context.signal });
    return { data, view: holdingRecord(data), next: ['hansa receipt list'] };
  },
};

const hurry: Command = {
  noun: 'receipt',
  verb: 'hurry',
  summary: 'Ask for a withdrawn copy to be deleted now instead of after a day.',
  args: [peerArgument, resourceArgument],
  options: [{ flags: '--yes', description: 'ask for it without being asked' }],
  examples: ['hansa receipt hurry bergen git/hansa --yes'],
  async run(context) {
    const copy = copyOf(context);
    await requireYes(context, `Have ${copy.peer} delete its copy of ${copy.resource} now?`);
    const data = await receiptsOf(context).hurry({ copies: [copy] }, { signal: context.signal });
    const drawn = holdingsTable(data.holdings, false);
    const late = data.holdings.find(({ state }) => requireWithdrawn(copy, state) === 'asked');
    const text = `${copy.peer} is asked to delete it now, and has not said yet that it has.`;
    return {
      data,
      view: late === undefined ? drawn : { kind: 'stack', views: [drawn, { kind: 'text', text }] },
      next: [`hansa receipt show ${copy.peer} ${copy.resource}`],
    };
  },
};

/** What is shared is nobody's to hurry. */
function requireWithdrawn({ peer, resource }: CopyName, state: HoldingState): 'asked' | 'answered' {
  if (state === 'holds' || state === 'restoring') {
    throw new HansaError(
      'MIRROR_NOT_FROZEN',
      `nothing was withdrawn: ${resource} is shared with ${peer}, which keeps its copy`,
      {
        fix: 'hansa share list has the rules; hansa share remove <rule> withdraws what one shares',
      },
    );
  }
  return state === 'purged' || state === 'retained' ? 'answered' : 'asked';
}

const retain: Command = {
  noun: 'mirror',
  verb: 'retain',
  summary:
    'Keep a mirror that its owner has withdrawn; the owner is told why, over your signature.',
  args: [{ name: '<mirror>', description: '<peer>:<name>, as hansa mirror list shows it' }],
  options: [
    { flags: '--reason <reason>', description: 'what the owner is told', required: true },
    { flags: '--yes', description: 'keep it without being asked' },
  ],
  examples: ['hansa mirror retain lubeck:hansa --reason "evidence in a dispute" --yes'],
  async run(context) {
    const resource = requiredArgument(context, 'mirror');
    const reason = textOption(context, 'reason') ?? '';
    await requireYes(context, `Keep ${resource}, though its owner wants it deleted?`);
    const data = await receiptsOf(context).retain({ resource, reason }, { signal: context.signal });
    return {
      data,
      view: { kind: 'text', text: `${resource} is kept. Its owner is told: ${data.reason}` },
      next: [`hansa mirror show ${resource}`],
    };
  },
};

function copyOf(context: CommandContext): CopyName {
  return {
    peer: requiredArgument(context, 'peer'),
    resource: requiredArgument(context, 'resource'),
  };
}

export function holdingsTable(holdings: readonly Holding[], truncated: boolean): CommandView {
  const drawn: CommandView = {
    kind: 'table',
    columns: ['PEER', 'RESOURCE', 'STATE', 'COPY AT', 'WHAT IT SAYS'],
    rows: holdings.map((each) => [
      each.peerName,
      each.id,
      each.state,
      positionText(each),
      sayingOf(each),
    ]),
    empty: 'Nothing was withdrawn from anybody.',
  };
  const cut: CommandView = { kind: 'text', text: `Only the first ${holdings.length} are shown.` };
  return truncated ? { kind: 'stack', views: [drawn, cut] } : drawn;
}

function positionText({ epoch, sequence }: Holding): string {
  return epoch === undefined || sequence === undefined || epoch === 0
    ? '-'
    : `${epoch}/${sequence}`;
}

/** By its own word, and so it is put; where there is none, since when. */
function sayingOf({ state, receipt, purgeAtMs, silentSinceMs, problem }: Holding): string {
  if (problem !== undefined) {
    return problemText(problem);
  }
  if (receipt !== undefined && state !== 'restoring') {
    const when = momentText(receipt.atMs);
    return receipt.outcome === 'purged' ? `purged ${when}` : `retained ${when}: ${receipt.reason}`;
  }
  if (silentSinceMs !== undefined) {
    return `silent since ${momentText(silentSinceMs)}`;
  }
  return state === 'frozen' && purgeAtMs !== undefined ? `until ${momentText(purgeAtMs)}` : '';
}

function holdingRecord(holding: Holding): CommandView {
  const { receipt, withdrawnMs } = holding;
  const fields: (readonly [string, string])[] = [
    ['peer', `${holding.peerName} (${holding.peer})`],
    ['resource', holding.resource],
    ['state', holding.state],
    ['copy at', positionText(holding)],
    ['it says', sayingOf(holding)],
    ['withdrawn', withdrawnMs === undefined ? 'no' : momentText(withdrawnMs)],
  ];
  if (receipt !== undefined) {
    fields.push(
      ['receipt of', receipt.withdrawal],
      ['signed with key', String(receipt.keyIndex)],
      ['signature', receipt.signature],
    );
  }
  return { kind: 'record', fields };
}

export const receiptsCommands: readonly Command[] = [list, show, hurry, retain];

function receiptsOf({ carrier }: CommandContext): Receipts {
  return remote(receiptsContract, carrier);
}
