// `hansa lane …`, `hansa conflict …` and `hansa sync push`: what people type, and what they see.
import {
  HansaError,
  momentText,
  problemText,
  remote,
  requiredArgument,
  requireYes,
  splitFederatedId,
  textOption,
  type Command,
  type CommandContext,
  type CommandView,
} from '@hansa/foundation';
import { lanesContract, type Conflict, type Lane, type Lanes, type Take } from './contract.ts';

const laneArgument = {
  name: '<lane>',
  description: '<other cluster>:<name>, as hansa lane list shows it',
};

const push: Command = {
  noun: 'sync',
  verb: 'push',
  summary: 'Offer our lane for a mirrored resource to its owner, whose policy decides.',
  args: [{ name: '<mirror>', description: '<peer>:<name>, as hansa mirror list shows it' }],
  examples: ['hansa sync push lubeck:hansa', 'hansa sync push lubeck:kv/config'],
  async run(context) {
    const resource = requiredArgument(context, 'mirror');
    const data = await lanesOf(context).push({ resource }, { signal: context.signal });
    return {
      data,
      view: {
        kind: 'text',
        text: `${data.ownerName} takes our lane for ${laneName(data)}.`,
      },
      next: [`hansa lane show ${laneName(data)}`],
    };
  },
};

const list: Command = {
  noun: 'lane',
  verb: 'list',
  summary: 'List the lanes: what we write for others, and what others write for us.',
  examples: ['hansa lane list'],
  async run(context) {
    const data = await lanesOf(context).list({}, { signal: context.signal });
    return {
      data,
      view: {
        kind: 'table',
        columns: ['LANE', 'WRITER', 'OWNER', 'STATE', 'PROMOTED', 'CONFLICTS', 'ERROR'],
        rows: data.lanes.map((lane) => [
          laneName(lane),
          lane.writerName,
          lane.ownerName,
          stateText(lane),
          promotedText(lane),
          String(lane.conflicts),
          lane.lastError?.code ?? '',
        ]),
        empty: 'No lanes yet.',
      },
      next: nextOf(data.lanes),
    };
  },
};

const show: Command = {
  noun: 'lane',
  verb: 'show',
  summary: 'Show one lane: how far it was promoted, and what keeps it back.',
  args: [laneArgument],
  examples: ['hansa lane show lubeck:hansa'],
  async run(context) {
    const lane = requiredArgument(context, 'lane');
    const data = await lanesOf(context).show({ lane }, { signal: context.signal });
    return { data, view: laneRecord(data), next: [nextOfLane(data)] };
  },
};

const remove: Command = {
  noun: 'lane',
  verb: 'remove',
  summary:
    'Give a lane up: ours with what is in it, another’s as our copy. What was promoted stays.',
  args: [laneArgument],
  options: [{ flags: '--yes', description: 'give it up without being asked' }],
  examples: ['hansa lane remove lubeck:hansa --yes'],
  async run(context) {
    const { signal } = context;
    const spelled = requiredArgument(context, 'lane');
    const lane = await lanesOf(context).show({ lane: spelled }, { signal });
    await requireYes(context, `Give up the lane ${laneName(lane)}?`);
    const data = await lanesOf(context).remove({ lane: lane.lane }, { signal });
    return {
      data,
      view: { kind: 'text', text: `Gave up the lane ${laneName(data)}.` },
      next: ['hansa lane list'],
    };
  },
};

const conflicts: Command = {
  noun: 'conflict',
  verb: 'list',
  summary: 'List what several clusters wrote and nobody could bring together.',
  options: [{ flags: '--resource <resource>', description: 'only of <kind>/<name>' }],
  examples: ['hansa conflict list', 'hansa conflict list --resource kv/config'],
  async run(context) {
    const resource = textOption(context, 'resource');
    const data = await lanesOf(context).conflicts({ resource }, { signal: context.signal });
    const [first] = data.conflicts;
    return {
      data,
      view: {
        kind: 'table',
        columns: ['ID', 'RESOURCE', 'KEY', 'OURS', 'THEIRS', 'SINCE'],
        rows: data.conflicts.map((each) => [
          each.id,
          each.resource,
          each.key,
          `${each.ours.author}: ${each.ours.shown}`,
          `${each.theirs.author}: ${each.theirs.shown}`,
          momentText(each.detectedMs),
        ]),
        empty: 'No open conflicts.',
      },
      next: first === undefined ? [] : [`hansa conflict resolve ${first.id} --take theirs`],
    };
  },
};

const resolve: Command = {
  noun: 'conflict',
  verb: 'resolve',
  summary: 'Decide one conflict: our side stays, or theirs takes its place.',
  args: [{ name: '<conflict>', description: 'its id, as hansa conflict list shows it' }],
  options: [
    { flags: '--take <side>', description: 'whose side counts', choices: ['ours', 'theirs'] },
  ],
  examples: [
    'hansa conflict resolve c-0123456789ab --take theirs',
    'hansa conflict resolve c-0123456789ab',
  ],
  async run(context) {
    const id = requiredArgument(context, 'conflict');
    const take = textOption(context, 'take') ?? (await askedSide(context, id));
    if (take !== 'ours' && take !== 'theirs') {
      throw new HansaError('USAGE', '--take is ours or theirs');
    }
    const data = await lanesOf(context).resolve({ id, take }, { signal: context.signal });
    return {
      data,
      view: { kind: 'text', text: `${data.key} of ${data.resource}: ${sideText(data, take)}.` },
      next: ['hansa conflict list'],
    };
  },
};

/** Without `--take`, one key decides: yes takes theirs. */
async function askedSide(context: CommandContext, id: string): Promise<Take> {
  const { conflicts: open } = await lanesOf(context).conflicts({}, { signal: context.signal });
  const conflict = open.find((each) => each.id === id);
  if (conflict === undefined) {
    throw new HansaError('CONFLICT_NOT_FOUND', `no open conflict is called ${id}`);
  }
  const { ours, theirs, key, resource } = conflict;
  const question =
    `${key} of ${resource}: ${ours.author} says ${ours.shown}; ` +
    `take ${theirs.author}'s ${theirs.shown} instead?`;
  if (!(await context.confirm(question))) {
    throw new HansaError('NOT_CONFIRMED', 'not decided: nothing was changed', {
      fix: `hansa conflict resolve ${id} --take ours, or --take theirs`,
      facts: { question },
    });
  }
  return 'theirs';
}

function sideText({ ours, theirs }: Conflict, take: Take): string {
  return take === 'ours' ? `${ours.author}'s side stays` : `${theirs.author}'s side counts now`;
}

/** As every command takes it: by the cluster at the other end. */
function laneName(lane: Pick<Lane, 'side' | 'ownerName' | 'writerName' | 'resource'>): string {
  const { local } = splitFederatedId(lane.resource);
  return `${lane.side === 'ours' ? lane.ownerName : lane.writerName}:${local}`;
}

function promotedText({ promoted }: Lane): string {
  return promoted === undefined ? '-' : `${promoted.epoch}/${promoted.sequence}`;
}

function laneRecord(lane: Lane): CommandView {
  const record: CommandView = {
    kind: 'record',
    fields: [
      ['lane', laneName(lane)],
      ['id', lane.lane],
      ['for', lane.resource],
      ['writer', lane.writerName],
      ['owner', lane.ownerName],
      ['state', stateText(lane)],
      ['promoted', promotedText(lane)],
      ['conflicts', String(lane.conflicts)],
      ['since', momentText(lane.addedMs)],
    ],
  };
  const told = [
    ...(lane.lastError === undefined ? [] : [problemText(lane.lastError)]),
    ...(lane.state === 'in-conflict' ? [conflictText(lane)] : []),
  ];
  return told.length === 0
    ? record
    : { kind: 'stack', views: [record, ...told.map((text) => ({ kind: 'text', text }) as const)] };
}

/** Conflicts are kept where the resource is owned: a writer finds none in its own list. */
function conflictText({ side, ownerName }: Lane): string {
  return side === 'ours'
    ? `${ownerName} resolves it: its hansa conflict list shows both sides.`
    : 'It is for you to resolve.';
}

function stateText({ state }: Lane): string {
  return state === 'in-conflict' ? 'in conflict' : state;
}

function nextOfLane({ side }: Lane): string {
  return side === 'ours' ? 'hansa lane list' : 'hansa conflict list';
}

function nextOf(lanes: readonly Lane[]): readonly string[] {
  const [first] = lanes;
  if (first === undefined) {
    return ['hansa sync push <peer>:<name>'];
  }
  const received = lanes.some(({ side }) => side === 'theirs');
  return [received ? 'hansa conflict list' : `hansa lane show ${laneName(first)}`];
}

export const lanesCommands: readonly Command[] = [push, list, show, remove, conflicts, resolve];

function lanesOf({ carrier }: CommandContext): Lanes {
  return remote(lanesContract, carrier);
}
