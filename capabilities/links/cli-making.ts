// `hansa link invite|accept|confirm|inspect`: how a link comes to be.
import {
  durationOption,
  durationText,
  flagOption,
  HansaError,
  remote,
  requiredArgument,
  textOption,
  type Command,
  type CommandContext,
} from '@hansa/foundation';
import {
  checksTable,
  confirmationText,
  stack,
  text,
  tokenRecord,
  wordsBlock,
} from './cli-shown.ts';
import {
  inviteTtlDefaultMs,
  inviteTtlMaxMs,
  linksContract,
  type Link,
  type Links,
} from './contract.ts';

const serveOnly = {
  flags: '--serve-only',
  description: 'make no half-link of our own: we serve the peer and never pull from it',
};

const invite: Command = {
  noun: 'link',
  verb: 'invite',
  summary: 'Make a single-use token with which another cluster links to this one.',
  options: [
    {
      flags: '--expires <duration>',
      description: `how long the token can be redeemed, at most ${durationText(inviteTtlMaxMs)}`,
      default: '15m',
    },
    serveOnly,
    {
      flags: '--yes',
      description: 'confirm whoever redeems it, without comparing check words here',
    },
  ],
  examples: ['hansa link invite', 'hansa link invite --expires 2h --serve-only'],
  async run(context) {
    const ttlMs = durationOption(context, 'expires') ?? inviteTtlDefaultMs;
    if (ttlMs > inviteTtlMaxMs) {
      throw new HansaError(
        'INPUT_INVALID',
        `a token can be redeemed for at most ${durationText(inviteTtlMaxMs)}`,
      );
    }
    const confirm = flagOption(context, 'yes');
    const data = await linksOf(context).invite(
      { ttlMs, serveOnly: flagOption(context, 'serveOnly'), confirm },
      { signal: context.signal },
    );
    const once = `Good for one link, within ${durationText(ttlMs)}.`;
    const half = data.serveOnly ? ' This cluster will serve its peer and not pull from it.' : '';
    return {
      data,
      view: stack(text(data.token), text(`${once}${half}`)),
      next: [
        'hansa link accept <token>  # on the other cluster',
        ...(confirm ? [] : ['hansa link confirm <peer>  # here, once the words agree']),
        `hansa link revoke ${data.id}  # to withdraw it`,
      ],
    };
  },
};

const revoke: Command = {
  noun: 'link',
  verb: 'revoke',
  summary: 'Withdraw a token that nobody has redeemed yet.',
  args: [{ name: '<id>', description: 'of the invitation, as hansa link invite printed it' }],
  examples: ['hansa link revoke 5f0c21aa'],
  async run(context) {
    const id = requiredArgument(context, 'id');
    const data = await linksOf(context).revoke({ id }, { signal: context.signal });
    return {
      data,
      view: text(`Withdrew the invitation ${id}: its token links nobody any more.`),
      next: ['hansa link invite'],
    };
  },
};

const accept: Command = {
  noun: 'link',
  verb: 'accept',
  summary: 'Redeem a token: link this cluster to the one that made it.',
  args: [{ name: '<token>', description: 'as hansa link invite printed it on the other cluster' }],
  options: [
    serveOnly,
    {
      flags: '--name <name>',
      description: 'what to call the peer here; default: what it calls itself',
    },
    { flags: '--yes', description: 'confirm at once, without comparing the check words' },
  ],
  examples: [
    'hansa link accept hansa-link-1.oWFj…',
    'hansa link accept hansa-link-1.oWFj… --name bergen',
  ],
  async run(context) {
    const links = linksOf(context);
    context.progress('dialling the cluster that made the token');
    const accepted = await links.accept(
      {
        token: requiredArgument(context, 'token'),
        serveOnly: flagOption(context, 'serveOnly'),
        confirm: flagOption(context, 'yes'),
        name: textOption(context, 'name'),
      },
      { signal: context.signal },
    );
    const { checks } = accepted;
    const link = await offerConfirmation(context, accepted.link);
    return {
      data: { link, checks },
      view: stack(wordsBlock(link), checksTable(checks), text(outcomeText(link))),
      next: nextAfter(link),
    };
  },
};

/** Asks whether the words agree; whoever cannot or will not say so leaves the link pending. */
async function offerConfirmation(context: CommandContext, link: Link): Promise<Link> {
  if (link.confirmedHere || !(await context.confirm(wordsQuestion(link)))) {
    return link;
  }
  return linksOf(context).confirm({ peer: link.peer }, { signal: context.signal });
}

/** The words are part of the question, so that nobody answers it without having seen them. */
function wordsQuestion({ name, checkWords }: Link): string {
  return (
    `Check words with ${name}:\n\n    ${checkWords}\n\n` +
    'Are these words shown on the other side?'
  );
}

function outcomeText(link: Link): string {
  if (link.confirmedHere && link.confirmedThere) {
    return `Linked with ${link.name}: confirmed on both sides. A link shares nothing by itself.`;
  }
  return `The link with ${link.name} is pending: confirmed ${confirmationText(link)}.`;
}

function nextAfter(link: Link): readonly string[] {
  if (!link.confirmedHere) {
    return [
      `hansa link confirm ${link.name}  # where the words agree`,
      `hansa link close ${link.name}  # where they differ`,
    ];
  }
  return link.confirmedThere
    ? [`hansa catalog list --peer ${link.name}`, `hansa share add <resource> --to ${link.name}`]
    : ['hansa link confirm <peer>  # on the other cluster', 'hansa link list'];
}

const confirm: Command = {
  noun: 'link',
  verb: 'confirm',
  summary: 'Say that the check words of a pending link are the same on both sides.',
  args: [{ name: '<peer>', description: 'name or id of the peer' }],
  options: [
    {
      flags: '--words <words>',
      description: 'the words as the other side reads them; they are compared for you',
    },
    { flags: '--yes', description: 'confirm without being asked' },
  ],
  examples: [
    'hansa link confirm bergen',
    'hansa link confirm bergen --words "amber ferry acorn canoe cedar fjord"',
  ],
  async run(context) {
    const links = linksOf(context);
    const { signal } = context;
    const peer = requiredArgument(context, 'peer');
    const words = textOption(context, 'words');
    const pending = await links.show({ peer }, { signal });
    const assured = words !== undefined || flagOption(context, 'yes') || pending.confirmedHere;
    if (!assured && !(await context.confirm(wordsQuestion(pending)))) {
      throw unconfirmed(pending);
    }
    const data = await links.confirm({ peer: pending.name, words }, { signal });
    return {
      data,
      view: stack(wordsBlock(data), text(outcomeText(data))),
      next: nextAfter(data),
    };
  },
};

function unconfirmed({ name, checkWords }: Link): HansaError {
  const message = `the link with ${name} stays pending; its check words are: ${checkWords}`;
  return new HansaError('NOT_CONFIRMED', message, {
    fix:
      `where the other side shows the same words: hansa link confirm ${name} --yes; ` +
      `where it does not: hansa link close ${name}`,
  });
}

const inspect: Command = {
  noun: 'link',
  verb: 'inspect',
  summary: 'Tell what a token is, and why it would fail.',
  args: [{ name: '<token>', description: 'a link token' }],
  examples: ['hansa link inspect hansa-link-1.oWFj…'],
  async run(context) {
    const token = requiredArgument(context, 'token');
    const { signal } = context;
    const data = await linksOf(context).inspect({ token }, { signal });
    return {
      data,
      view: tokenRecord(data),
      next: [
        data.usable
          ? 'hansa link accept <token>'
          : 'hansa link invite  # on the cluster that made it',
      ],
    };
  },
};

export const makingCommands: readonly Command[] = [invite, revoke, accept, confirm, inspect];

function linksOf({ carrier }: CommandContext): Links {
  return remote(linksContract, carrier);
}
