// `hansa signal token make|list|revoke`: tokens of the protocol's own forms, for clients that know
// no others. Programs of people bring their Hansa tokens and sessions instead.
import {
  durationOption,
  listOption,
  momentText,
  requiredArgument,
  textOption,
  textView,
  type Command,
} from '@hansa/foundation';
import { deskOf } from './cli-desk.ts';
import { signalTokenForms, type SignalTokenForm, type SignalTokenRow } from './contract.ts';

const make: Command = {
  noun: 'signal',
  verb: 'token make',
  summary: 'Make a token for a device or a program that speaks the protocol; it is shown once.',
  args: [{ name: '<subject>', description: 'for whom: a name in lists' }],
  options: [
    {
      flags: '--scope <scope...>',
      description: 'read:, write: or admin: and a pattern; a router that owns it needs admin:',
      required: true,
    },
    { flags: '--ttl <duration>', description: 'how long it counts (default 30d)' },
    {
      flags: '--form <form>',
      description: 'cap: signed, names its scopes; cpsk: short, by chance',
      choices: signalTokenForms,
      default: 'cap',
    },
  ],
  examples: [
    `hansa signal token make desk --scope 'write:/stage/**'`,
    `hansa signal token make display --scope 'read:/**' --ttl 90d --form cpsk`,
  ],
  async run(context) {
    const data = await deskOf(context).makeToken(
      {
        subject: requiredArgument(context, 'subject'),
        scopes: listOption(context, 'scope'),
        ttlMs: durationOption(context, 'ttl'),
        form: textOption(context, 'form') as SignalTokenForm | undefined,
      },
      { signal: context.signal },
    );
    const { id, token, subject, expiresMs } = data;
    return {
      data,
      view: {
        kind: 'stack',
        views: [
          textView(token),
          textView(`For ${subject} until ${momentText(expiresMs)}, id ${id}; not shown again.`),
        ],
      },
      next: [`hansa signal token revoke ${id}`],
    };
  },
};

const list: Command = {
  noun: 'signal',
  verb: 'token list',
  summary: 'List tokens of the router that have not run out, and the key that signs them.',
  examples: ['hansa signal token list'],
  async run(context) {
    const data = await deskOf(context).tokens({}, { signal: context.signal });
    const { key } = data;
    return {
      data,
      view: {
        kind: 'stack',
        views: [
          {
            kind: 'table',
            columns: ['ID', 'FOR', 'FORM', 'SCOPES', 'EXPIRES', 'STATE'],
            rows: data.tokens.map(rowText),
            empty: 'No tokens.',
          },
          ...(key === undefined ? [] : [textView(`signed by ${key}`)]),
        ],
      },
      next: [`hansa signal token make <subject> --scope 'write:/stage/**'`],
    };
  },
};

function rowText({ id, subject, form, scopes, expiresMs, revoked }: SignalTokenRow): string[] {
  const state = revoked ? 'revoked' : 'good';
  return [id, subject, form, scopes.join(' '), momentText(expiresMs), state];
}

const revoke: Command = {
  noun: 'signal',
  verb: 'token revoke',
  summary: 'Take a token of the router back; its sessions end at once.',
  args: [{ name: '<id>', description: 'as hansa signal token list shows it' }],
  examples: ['hansa signal token revoke 9f2c4b7a11d03e58'],
  async run(context) {
    const id = requiredArgument(context, 'id');
    const data = await deskOf(context).revokeToken({ id }, { signal: context.signal });
    const view = textView(`Took back the token of ${data.subject}.`);
    return { data, view, next: ['hansa signal token list'] };
  },
};

export const tokenCommands: readonly Command[] = [make, list, revoke];
