// `hansa token keygen|attenuate|inspect|prove`: what the holder of a key does without any node. The
// key stays in its file and on this machine.
import { mkdir, open, readFile, stat } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { onceShown, reportView } from '@hansa/capabilities/tokens/cli';
import {
  durationOption,
  flagOption,
  HansaError,
  listOption,
  requiredOption,
  textOption,
  type CommandOption,
} from '@hansa/foundation';
import type { LocalCommand, LocalContext } from './local-commands.ts';

const tokenOption: CommandOption = {
  flags: '--token <token>',
  description: 'the whole token, or @file to read it from one',
  required: true,
};
const keyOption: CommandOption = {
  flags: '--key <file>',
  description: 'the key that the token is bound to, as hansa token keygen made it',
  required: true,
};
const tokenFileBytesMax = 65_536; // eight times the largest token: white space, a line of comment

const keygen: LocalCommand = {
  local: true,
  noun: 'token',
  verb: 'keygen',
  summary: 'Make a key that tokens can be bound to; the secret stays in the file.',
  options: [
    {
      flags: '--out <file>',
      description: 'where the secret key goes; must not exist',
      required: true,
    },
  ],
  examples: ['hansa token keygen --out ada.key'],
  async run(context) {
    const path = resolve(requiredOption(context, 'out'));
    const { keygen: make } = await openHolder();
    const { seed, holder } = make();
    await writeKey(path, seed);
    return {
      data: { file: path, audience: holder },
      view: {
        kind: 'record',
        fields: [
          ['audience', holder],
          ['secret key', path],
        ],
      },
      next: [`hansa token issue --audience ${holder} --cap <scope>`],
    };
  },
};

const attenuate: LocalCommand = {
  local: true,
  noun: 'token',
  verb: 'attenuate',
  summary: 'Make a narrower token, for somebody else, of one that is bound to your key.',
  options: [
    tokenOption,
    keyOption,
    { flags: '--cap <scope...>', description: 'what is left; within what it had', required: true },
    {
      flags: '--audience <holder...>',
      description: 'who may use it: key:<public key>, cluster:<id>, or bearer',
      required: true,
    },
    {
      flags: '--expires <duration>',
      description: 'how long it counts (default: as long as its parent)',
    },
    { flags: '--delegable', description: 'its holder may make narrower ones of it, too' },
    { flags: '--subject <label>', description: 'what you call whom it is for' },
    { flags: '--fact <word...>', description: 'a mark, such as proxy' },
  ],
  examples: [
    'hansa token attenuate --token @ada.token --key ada.key --cap app:ledger --audience bearer',
  ],
  async run(context) {
    const holder = await openHolder();
    const data = holder.attenuate({
      token: await tokenOf(context),
      seed: await readKey(requiredOption(context, 'key')),
      audience: listOption(context, 'audience'),
      caps: listOption(context, 'cap'),
      ttlMs: durationOption(context, 'expires'),
      delegable: flagOption(context, 'delegable'),
      subject: textOption(context, 'subject'),
      facts: listOption(context, 'fact'),
    });
    return { data, view: onceShown(data), next: ['hansa token inspect <token>'] };
  },
};

const inspect: LocalCommand = {
  local: true,
  noun: 'token',
  verb: 'inspect',
  summary: 'Tell what a token says and why it would fail now, without asking anybody.',
  args: [{ name: '<token>', description: 'the whole token, or @file to read it from one' }],
  examples: ['hansa token inspect @ada.token'],
  async run(context) {
    const holder = await openHolder();
    const data = holder.inspect(await readToken(context.args['token'] ?? ''));
    return {
      data,
      view: reportView(data),
      next: [
        'hansa token check <token>  # what the cluster itself makes of it, revocations included',
      ],
    };
  },
};

const prove: LocalCommand = {
  local: true,
  noun: 'token',
  verb: 'prove',
  summary: 'Prove, for one HTTP request, that the key a token is bound to is yours.',
  options: [
    tokenOption,
    keyOption,
    { flags: '--method <method>', description: 'of the request', default: 'GET' },
    { flags: '--path <path>', description: 'of the request, with its query', required: true },
  ],
  examples: ['hansa token prove --token @ada.token --key ada.key --path /links'],
  async run(context) {
    const holder = await openHolder();
    const proof = holder.prove({
      token: await tokenOf(context),
      seed: await readKey(requiredOption(context, 'key')),
      method: requiredOption(context, 'method'),
      path: requiredOption(context, 'path'),
    });
    return { data: { header: 'Hansa-Proof', proof }, view: { kind: 'text', text: proof } };
  },
};

export const tokenCommands: readonly LocalCommand[] = [keygen, attenuate, inspect, prove];

// The daemon's package has the cryptography; it is loaded for these commands alone.
async function openHolder() {
  const { openHolder: make } = await import('@hansa/node');
  return make();
}

function tokenOf(context: LocalContext): Promise<string> {
  return readToken(requiredOption(context, 'token'));
}

/** Terminals and mail break long lines; white space is no letter of a token. */
export async function readToken(given: string): Promise<string> {
  if (given === '') {
    throw new HansaError('USAGE', '<token> is missing', { fix: 'see --help' });
  }
  const text = given.startsWith('@') ? await readText(given.slice(1), tokenFileBytesMax) : given;
  return text.replaceAll(/\s+/g, '');
}

export async function readKey(path: string): Promise<string> {
  const { mode } = await stat(path).catch(() => ({ mode: 0 }));
  if ((mode & 0o077) !== 0) {
    throw new HansaError('KEY_EXPOSED', `others may read ${path}`, { fix: `chmod 600 ${path}` });
  }
  return (await readText(path, 1_024)).trim();
}

async function readText(path: string, bytesMax: number): Promise<string> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new HansaError('INPUT_INVALID', `${path} cannot be read`, { cause });
  });
  if (text.length > bytesMax) {
    throw new HansaError('INPUT_TOO_LARGE', `${path} is too large for what it should be`);
  }
  return text;
}

async function writeKey(path: string, seed: string): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  const file = await open(path, 'wx', 0o600).catch((cause: unknown) => {
    throw new HansaError('INPUT_INVALID', `${path} cannot be made, or is there already`, {
      cause,
      fix: 'name a file that does not exist: keys are never overwritten',
    });
  });
  try {
    await file.writeFile(`${seed}\n`);
    await file.sync();
  } finally {
    await file.close();
  }
}
