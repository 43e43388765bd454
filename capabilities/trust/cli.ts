// `hansa trust …`: what people type, and what they see.
import {
  flagOption,
  HansaError,
  momentText,
  nodeIdSchema,
  remote,
  requiredArgument,
  textOption,
  textView,
  type Command,
  type CommandContext,
  type CommandOutput,
  type CommandView,
} from '@hansa/foundation';
import {
  foresee,
  foreseenView,
  requireConsent,
  trustContract,
  trustLevels,
  type Judgement,
  type Trust,
  type TrustLevel,
  type TrustRequest,
  type Whereabouts,
} from './contract.ts';

const peerArgument = { name: '<peer>', description: 'name of the peer, or the id of any cluster' };
const askingArgument = {
  name: '<peer>',
  description: 'who asked, as hansa trust requests shows it',
};
const noteOption = { flags: '--note <text>', description: 'why, for whoever reads the list later' };
const planOption = {
  flags: '--plan',
  description: 'show who would gain or lose what; change nothing',
};
const yesOption = { flags: '--yes', description: 'do it without being asked' };

const list: Command = {
  noun: 'trust',
  verb: 'list',
  summary: 'List the clusters that are trusted or blocked.',
  examples: ['hansa trust list'],
  async run(context) {
    const data = await trustOf(context).list({}, { signal: context.signal });
    return {
      data,
      view: {
        kind: 'table',
        columns: ['CLUSTER', 'NAME', 'LEVEL', 'SINCE', 'NOTE'],
        rows: data.judgements.map(({ cluster, name, level, sinceMs, note }) => [
          cluster,
          name ?? '',
          level,
          sinceMs === undefined ? '' : momentText(sinceMs),
          note,
        ]),
        empty: 'Nobody is trusted, and nobody blocked: every cluster is public.',
      },
      next: ['hansa trust requests', 'hansa trust set <peer> trusted --plan'],
    };
  },
};

const set: Command = {
  noun: 'trust',
  verb: 'set',
  summary: 'Trust a cluster, make it public again, or block it; trust grants nothing by itself.',
  args: [peerArgument, { name: '<level>', description: trustLevels.join(', ') }],
  options: [noteOption, planOption, yesOption],
  examples: ['hansa trust set bergen trusted --plan', 'hansa trust set bergen public --yes'],
  run: (context) => judge(context, levelOf(requiredArgument(context, 'level'))),
};

const block: Command = {
  noun: 'trust',
  verb: 'block',
  summary: 'Block a cluster: it gets nothing, public things included, and its connections end.',
  args: [peerArgument],
  options: [noteOption, planOption, yesOption],
  examples: ['hansa trust block bergen --plan', 'hansa trust block bergen --yes'],
  run: (context) => judge(context, 'blocked'),
};

const unblock: Command = {
  noun: 'trust',
  verb: 'unblock',
  summary: 'End a block: the cluster is public again, and gets what rules say.',
  args: [peerArgument],
  options: [planOption, yesOption],
  examples: ['hansa trust unblock bergen --plan'],
  run: (context) => judge(context, 'public'),
};

function levelOf(word: string): TrustLevel {
  const level = trustLevels.find((known) => known === word);
  if (level === undefined) {
    throw new HansaError('INPUT_INVALID', `"${word}" is not a level of trust`, {
      fix: `the levels are ${trustLevels.join(', ')}`,
    });
  }
  return level;
}

async function judge(context: CommandContext, level: TrustLevel): Promise<CommandOutput> {
  const peer = requiredArgument(context, 'peer');
  const note = textOption(context, 'note');
  const question = `Make ${peer} ${level}?`;
  const again = `hansa trust set ${peer} ${level}`;
  return planOrDo(context, { peer, level, question, again }, (trust, signal) =>
    trust.set({ peer, level, ...(note === undefined ? {} : { note }) }, { signal }),
  );
}

async function planOrDo(
  context: CommandContext,
  given: {
    readonly peer: string;
    readonly level: TrustLevel;
    readonly question: string;
    readonly again: string;
  },
  act: (trust: Trust, signal: AbortSignal) => Promise<Judgement>,
): Promise<CommandOutput> {
  const { peer, level, question, again } = given;
  const trust = trustOf(context);
  const { signal } = context;
  const foreseen = await foresee(context, await trust.plan({ peer, level }, { signal }));
  if (flagOption(context, 'plan')) {
    const view = stack(foreseenView(foreseen), textView('This is a plan: nothing was changed.'));
    return { data: foreseen.plan, view, next: [again] };
  }
  const told = level === 'blocked' ? ['Its connections end at once.'] : [];
  await requireConsent(context, { question: [question, ...told].join(' '), foreseen });
  const data = await act(trust, signal);
  return {
    data,
    view: stack(textView(`${data.name ?? data.cluster} is ${data.level}.`), foreseenView(foreseen)),
    next: ['hansa trust list'],
  };
}

const requests: Command = {
  noun: 'trust',
  verb: 'requests',
  summary: 'List the clusters that ask to be trusted.',
  examples: ['hansa trust requests'],
  async run(context) {
    const data = await trustOf(context).requests({}, { signal: context.signal });
    const [first] = data.requests;
    return {
      data,
      view: requestsTable(data.requests),
      next: first === undefined ? [] : [`hansa trust accept ${first.name ?? first.cluster} --plan`],
    };
  },
};

function requestsTable(asked: readonly TrustRequest[]): CommandView {
  return {
    kind: 'table',
    columns: ['CLUSTER', 'NAME', 'ASKED', 'UNTIL', 'MESSAGE'],
    rows: asked.map(({ cluster, name, requestedMs, expiresMs, message }) => [
      cluster,
      name ?? '(not linked)',
      momentText(requestedMs),
      momentText(expiresMs),
      message,
    ]),
    empty: 'Nobody asks to be trusted.',
  };
}

const accept: Command = {
  noun: 'trust',
  verb: 'accept',
  summary: 'Trust a cluster that asked for it.',
  args: [askingArgument],
  options: [noteOption, planOption, yesOption],
  examples: ['hansa trust accept bergen --plan', 'hansa trust accept bergen --yes'],
  async run(context) {
    const peer = requiredArgument(context, 'peer');
    const note = textOption(context, 'note');
    const question = `Trust ${peer}, which asked for it?`;
    const given = {
      peer,
      level: 'trusted' as const,
      question,
      again: `hansa trust accept ${peer}`,
    };
    return planOrDo(context, given, (trust, signal) =>
      trust.accept({ peer, ...(note === undefined ? {} : { note }) }, { signal }),
    );
  },
};

const reject: Command = {
  noun: 'trust',
  verb: 'reject',
  summary: 'Drop a request for trust; whoever asked is not told.',
  args: [askingArgument],
  examples: ['hansa trust reject bergen'],
  async run(context) {
    const peer = requiredArgument(context, 'peer');
    const data = await trustOf(context).reject({ peer }, { signal: context.signal });
    return {
      data,
      view: textView(`Dropped the request of ${data.name ?? data.cluster}.`),
      next: ['hansa trust requests', `hansa trust block ${peer} --plan`],
    };
  },
};

const request: Command = {
  noun: 'trust',
  verb: 'request',
  summary: 'Ask a cluster to trust this one: over the link, or at an address.',
  args: [peerArgument],
  options: [
    { flags: '--message <text>', description: 'what its operator reads' },
    { flags: '--at <node@host:port>', description: 'where it is, if there is no link' },
  ],
  examples: ['hansa trust request bergen --message "Ada of lubeck, as agreed"'],
  async run(context) {
    const peer = requiredArgument(context, 'peer');
    const message = textOption(context, 'message');
    const at = textOption(context, 'at');
    const data = await trustOf(context).request(
      {
        peer,
        ...(message === undefined ? {} : { message }),
        ...(at === undefined ? {} : { at: whereabouts(at) }),
      },
      { signal: context.signal },
    );
    return {
      data,
      view: textView(`Asked ${peer} to trust this cluster; its operator has an hour to answer.`),
      next: ['hansa trust requests  # on the other cluster'],
    };
  },
};

/** `<node id>@host:port`, more addresses after commas. */
function whereabouts(spelled: string): Whereabouts {
  const at = spelled.indexOf('@');
  const node = nodeIdSchema.safeParse(spelled.slice(0, Math.max(at, 0)));
  const addresses = spelled
    .slice(at + 1)
    .split(',')
    .filter((each) => each !== '');
  if (!node.success || addresses.length === 0) {
    throw new HansaError('INPUT_INVALID', `"${spelled}" is not <node id>@<host>:<port>`, {
      fix: 'its operator finds both with: hansa status',
    });
  }
  return { node: node.data, addresses };
}

export const trustCommands: readonly Command[] = [
  list,
  set,
  block,
  unblock,
  requests,
  accept,
  reject,
  request,
];

function stack(...views: readonly CommandView[]): CommandView {
  return { kind: 'stack', views };
}

function trustOf({ carrier }: CommandContext): Trust {
  return remote(trustContract, carrier);
}
