// `hansa recover …`: what people type after a backup was restored, or after a long absence.
import {
  flagOption,
  momentText,
  remote,
  requiredArgument,
  requireYes,
  type Command,
  type CommandContext,
  type CommandOutput,
  type CommandView,
} from '@hansa/foundation';
import {
  recoveryContract,
  type Recovered,
  type Recovery,
  type RecoveryPlan,
  type RecoveryWay,
  type ReturnPlan,
  type Rewound,
  type Standing,
} from './contract.ts';

const resourceArgument = { name: '<resource>', description: 'its name, or <kind>/<name>' };
const planOption = { flags: '--plan', description: 'show what would happen, and change nothing' };
const unknown = '-';

const list: Command = {
  noun: 'recover',
  verb: 'list',
  summary: 'List what is rewound: resources of ours that a peer holds further than we do.',
  examples: ['hansa recover list', 'hansa recover list -o json'],
  async run(context) {
    const data = await recoveryOf(context).list({}, { signal: context.signal });
    const [first] = data.rewound;
    return {
      data,
      view: listView(data),
      next:
        first === undefined
          ? ['hansa status']
          : [
              `hansa recover adopt ${first.id} --plan`,
              `hansa recover new-epoch ${first.id} --plan`,
            ],
    };
  },
};

const newEpoch = recovering({
  way: 'new-epoch',
  summary: 'Go on with what is here, in a new epoch; mirrors build themselves anew.',
  run: (recovery, id, signal) => recovery.begin({ id }, { signal }),
});

const adopt = recovering({
  way: 'adopt',
  summary: 'Go on with what the peer holds of ours, verified against our own signature.',
  run: (recovery, id, signal) => recovery.adopt({ id }, { signal }),
});

function recovering(given: {
  readonly way: RecoveryWay;
  readonly summary: string;
  run(recovery: Recovery, id: string, signal: AbortSignal): Promise<Recovered>;
}): Command {
  const { way, summary } = given;
  return {
    noun: 'recover',
    verb: way,
    summary,
    args: [resourceArgument],
    options: [planOption, { flags: '--yes', description: 'do it without being asked' }],
    examples: [`hansa recover ${way} git/atlas --plan`, `hansa recover ${way} git/atlas --yes`],
    async run(context) {
      const recovery = recoveryOf(context);
      const { signal } = context;
      const id = requiredArgument(context, 'resource');
      const plan = await recovery.plan({ id, way }, { signal });
      if (flagOption(context, 'plan')) {
        return { data: plan, view: planView(plan), next: [`hansa recover ${way} ${plan.id}`] };
      }
      await requireYes(context, `${capital(plan.sentences.join('; '))}. Go on?`);
      return recovered(await given.run(recovery, plan.id, signal));
    },
  };
}

function recovered(data: Recovered): CommandOutput {
  const { id, epoch, entries } = data;
  const text =
    epoch === undefined
      ? `${id} stays away; its name is free again.`
      : `${id} goes on in epoch ${epoch} with ${entries} entries.`;
  return { data, view: { kind: 'text', text }, next: ['hansa recover list', 'hansa link list'] };
}

const goOn: Command = {
  noun: 'recover',
  verb: 'go-on',
  summary: 'After a restored backup: go on without the peers that have not said what they hold.',
  options: [planOption, { flags: '--yes', description: 'do it without being asked' }],
  examples: ['hansa recover go-on --plan', 'hansa recover go-on --yes'],
  async run(context) {
    const recovery = recoveryOf(context);
    const { signal } = context;
    const { awaited } = await recovery.list({}, { signal });
    const names = awaited?.peers.join(', ') ?? '';
    const words =
      awaited === undefined
        ? 'Nothing waits: no backup was restored here'
        : `What ${names || 'nobody'} holds further than the backup is given up for good; ` +
          'every resource goes on in a new epoch';
    if (flagOption(context, 'plan') || awaited === undefined) {
      const view: CommandView = { kind: 'text', text: `${words}.` };
      return { data: { awaited }, view, next: ['hansa recover list'] };
    }
    await requireYes(context, `${words}. Go on?`);
    const data = await recovery.goOn({}, { signal });
    return {
      data,
      view: { kind: 'text', text: 'It goes on, in new epochs.' },
      next: ['hansa recover list', 'hansa status'],
    };
  },
};

const returning: Command = {
  noun: 'recover',
  verb: 'return-plan',
  summary: 'Show what happens between us and a peer when it is back; nothing is ever wiped.',
  args: [{ name: '<peer>', description: 'name or id of the peer' }],
  examples: ['hansa recover return-plan bergen'],
  async run(context) {
    const peer = requiredArgument(context, 'peer');
    const data = await recoveryOf(context).returning({ peer }, { signal: context.signal });
    const decide = data.rows.some(({ side, step }) => side === 'ours' && step === 'decide');
    return {
      data,
      view: returnTable(data),
      next: [decide ? 'hansa recover list' : 'hansa sync status'],
    };
  },
};

function listView({ rewound, awaited }: Awaited<ReturnType<Recovery['list']>>): CommandView {
  if (awaited === undefined) {
    return rewoundTable(rewound);
  }
  const names = awaited.peers.join(', ') || 'nobody any more';
  const text =
    `A backup of ${momentText(awaited.backupMs)} was restored. Nothing is signed until ` +
    `these have said what they hold: ${names}.`;
  return { kind: 'stack', views: [{ kind: 'text', text }, rewoundTable(rewound)] };
}

function rewoundTable(rewound: readonly Rewound[]): CommandView {
  return {
    kind: 'table',
    columns: ['RESOURCE', 'CAUSE', 'HERE', 'HELD', 'SIGNED', 'BY PEER'],
    rows: rewound.map(({ id, cause, here, held, peerName }) => [
      id,
      cause,
      standingText(here),
      standingText(held),
      momentText(held.asOfMs),
      peerName,
    ]),
    empty: 'Nothing is rewound: no peer has shown anything of ours that we do not have.',
  };
}

function planView({ id, way, sentences, peerName }: RecoveryPlan): CommandView {
  const lines = sentences.map((sentence) => `  ${capital(sentence)}.`);
  return {
    kind: 'text',
    text: [`${id}, ${way}; the proof came from ${peerName}:`, ...lines].join('\n'),
  };
}

function returnTable({ rows, peerName, connected }: ReturnPlan): CommandView {
  return {
    kind: 'table',
    columns: ['RESOURCE', 'OWNER', 'STEP', 'COPY', 'OWNER AT', 'WHY'],
    rows: rows.map(({ name, side, step, held, owner, reason }) => [
      name,
      side === 'ours' ? 'us' : peerName,
      step,
      standingText(held),
      standingText(owner),
      reason ?? '',
    ]),
    empty: connected
      ? `Nothing is mirrored between us and ${peerName}.`
      : `${peerName} is not connected, and nothing of it is mirrored here.`,
  };
}

function standingText(standing: Standing | undefined): string {
  return standing === undefined ? unknown : `${standing.epoch}/${standing.sequence}`;
}

function capital(sentence: string): string {
  return sentence.charAt(0).toUpperCase() + sentence.slice(1);
}

export const recoveryCommands: readonly Command[] = [list, adopt, newEpoch, goOn, returning];

function recoveryOf({ carrier }: CommandContext): Recovery {
  return remote(recoveryContract, carrier);
}
