// `hansa signal token sign`: a token of the protocol's own form, signed by a key in a file, without
// any node. A router that stands by itself takes it by `--trust-anchor`.
import {
  durationOption,
  listOption,
  momentText,
  requiredOption,
  textView,
} from '@hansa/foundation';
import type { LocalCommand } from './local-commands.ts';
import { readKey } from './token-commands.ts';

const dayMs = 86_400_000;
const ttlDefaultMs: number = 30 * dayMs; // as the router's own tokens: a device is seen to monthly

const loadNode = () => import('@hansa/node');

export const signalTokenSign: LocalCommand = {
  local: true,
  noun: 'signal',
  verb: 'token sign',
  summary: 'Sign a token with a key of your own, for a router by itself; nobody can take it back.',
  options: [
    {
      flags: '--key <file>',
      description: 'the key that signs, as hansa token keygen made it',
      required: true,
    },
    {
      flags: '--scope <scope...>',
      description: 'read:, write: or admin: and a pattern; a router that owns it needs admin:',
      required: true,
    },
    { flags: '--ttl <duration>', description: 'how long it counts (default 30d)' },
  ],
  examples: [`hansa signal token sign --key stage.key --scope 'write:/stage/**' --ttl 7d`],
  async run(context) {
    const secret = await readKey(requiredOption(context, 'key'));
    const { signSignalToken } = await loadNode();
    const scopes = listOption(context, 'scope');
    const ttlMs = durationOption(context, 'ttl') ?? ttlDefaultMs;
    const data = signSignalToken({ key: secret, scopes, ttlMs });
    const { token, key, expiresMs } = data;
    return {
      data,
      view: {
        kind: 'stack',
        views: [textView(token), textView(`Until ${momentText(expiresMs)}, signed by ${key}.`)],
      },
      next: ['hansa signal serve --trust-anchor <file with that key>'],
    };
  },
};
