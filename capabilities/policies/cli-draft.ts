// A rule as it is spelled on the command line: resources, peers, verbs. An unknown word is an
// error, never a guess.
import {
  chosenSpelled,
  durationOption,
  HansaError,
  isHansaError,
  labelOption,
  localId,
  parseDuration,
  remote,
  requiredArgument,
  requiredOption,
  textOption,
  type CommandContext,
  type LocalId,
} from '@hansa/foundation';
import { catalogContract } from '../catalog/contract.ts';
import { syncContract } from '../sync/contract.ts';
import { directions, verbs, type Budget, type RuleRequest, type Verb } from './contract.ts';

/** A name that begins with one of these and a slash says its kind; any other is of any kind. */
const kindsSpelled: readonly string[] = [
  'git',
  'kv',
  'document',
  'namespace',
  'stream',
  'directory',
  'audit',
];
/** Where one resource is meant and its kind is not said. */
const kindAssumed = 'git';
export const publicWord = 'public';
/** What `--to` may say instead of a peer's name; no link is ever called so. */
const peerWords: Readonly<Record<string, RuleRequest['peers']>> = {
  [publicWord]: { public: true },
  trusted: { trusted: true },
  token: { token: true },
};
export const directionWords: readonly string[] = Object.keys(directions);
const readOnly: readonly Verb[] = directions['read-only'];

type Input = Pick<CommandContext, 'args' | 'options'>;

export function ruleRequest(input: Input): RuleRequest {
  const ttlMs = durationOption(input, 'expires');
  const limits = limitsOf(input);
  return {
    ...effectOf(input),
    resources: selectorOf(input),
    peers: peersOf(input),
    ...(limits === undefined ? {} : { limits }),
    ...(ttlMs === undefined ? {} : { ttlMs }),
  };
}

function peersOf(input: Input): RuleRequest['peers'] {
  const labels = labelOption(input, 'toLabel');
  if (labels === undefined) {
    const to = requiredOption(input, 'to');
    return (Object.hasOwn(peerWords, to) ? peerWords[to] : undefined) ?? { peer: to };
  }
  if (textOption(input, 'to') !== undefined) {
    throw new HansaError('USAGE', '--to and --to-label exclude each other');
  }
  return { labels };
}

function effectOf(input: Input): Pick<RuleRequest, 'effect' | 'verbs'> {
  const [allow, deny, direction, limit] = ['allow', 'deny', 'direction', 'limit'].map((option) =>
    textOption(input, option),
  );
  if ([allow, deny, direction, limit].filter((given) => given !== undefined).length > 1) {
    throw new HansaError('USAGE', '--allow, --deny, --limit and --direction exclude each other', {
      fix: 'a rule either allows, limits or denies: make two rules',
    });
  }
  if (deny !== undefined) {
    return { effect: 'deny', verbs: parseVerbs(deny) };
  }
  if (limit !== undefined) {
    return { effect: 'limit', verbs: parseVerbs(limit) };
  }
  if (direction !== undefined) {
    return { effect: 'allow', verbs: parseDirection(direction) };
  }
  return { effect: 'allow', verbs: allow === undefined ? readOnly : parseVerbs(allow) };
}

function limitsOf(input: Input): RuleRequest['limits'] {
  const residency = labelOption(input, 'residency');
  const budget = textOption(input, 'budget');
  const endsInMs = durationOption(input, 'ends');
  const some = residency !== undefined || budget !== undefined || endsInMs !== undefined;
  const limiting = textOption(input, 'limit') !== undefined;
  if (some !== limiting) {
    throw new HansaError(
      'USAGE',
      '--limit needs a limit, and --residency and others need --limit',
      {
        fix: 'for example: --limit see,pull --residency region=eu,se --budget 10MiB/1h --ends 30d',
      },
    );
  }
  return some
    ? {
        ...(residency === undefined ? {} : { residency: valueLists(residency) }),
        ...(budget === undefined ? {} : { budget: parseBudget(budget) }),
        ...(endsInMs === undefined ? {} : { endsInMs }),
      }
    : undefined;
}

/** `region=eu,se`: the label with any of the values. */
function valueLists(
  labels: Readonly<Record<string, string>>,
): Readonly<Record<string, readonly string[]>> {
  return Object.fromEntries(
    Object.entries(labels).map(([label, values]) => [label, values.split(',')]),
  );
}

const bytesOf: Readonly<Record<string, number>> = {
  B: 1,
  KiB: 1_024,
  MiB: 1_024 ** 2,
  GiB: 1_024 ** 3,
  TiB: 1_024 ** 4,
};

/** `10MiB/1h` */
function parseBudget(text: string): Budget {
  const [, count = '', unit = '', window = ''] =
    /^([0-9]{1,6})(B|KiB|MiB|GiB|TiB)\/(.+)$/.exec(text) ?? [];
  const unitBytes = bytesOf[unit];
  if (unitBytes === undefined) {
    throw new HansaError('INPUT_INVALID', `"${text}" is not a budget`, {
      fix: 'write bytes and a window, for example 10MiB/1h or 500GiB/30d',
    });
  }
  return { bytes: Number(count) * unitBytes, windowMs: parseDuration(window) };
}

/** `see,pull`, in the order in which verbs are always told. */
function parseVerbs(text: string): readonly Verb[] {
  if (!isVerb(text) && directionWords.includes(text)) {
    throw new HansaError('INPUT_INVALID', `"${text}" is a direction, and not a verb`, {
      fix: `write --direction ${text}, or verbs: ${parseDirection(text).join(',')}`,
    });
  }
  const words = text.split(',').map((word) => parseVerb(word.trim()));
  return verbs.filter((verb) => words.includes(verb));
}

function isVerb(word: string): boolean {
  return verbs.some((known) => known === word);
}

export function parseVerb(word: string): Verb {
  const verb = verbs.find((known) => known === word);
  if (verb === undefined) {
    throw new HansaError('INPUT_INVALID', `"${word}" is not a verb of a rule`, {
      fix: `the verbs are ${verbs.join(', ')}`,
    });
  }
  return verb;
}

function parseDirection(word: string): readonly Verb[] {
  const [, meant] = Object.entries(directions).find(([known]) => known === word) ?? [];
  if (meant === undefined) {
    throw new HansaError('INPUT_INVALID', `"${word}" is not a direction`, {
      fix: `the directions are ${directionWords.join(', ')}`,
    });
  }
  return meant;
}

function selectorOf(input: Input): RuleRequest['resources'] {
  const spelled = requiredArgument(input, 'resource');
  const { owner, rest } = splitOwner(spelled);
  const { kind, name } = splitKind(rest);
  const type = textOption(input, 'type');
  const labels = labelOption(input, 'label');
  return {
    name,
    ...(kind === undefined ? {} : { kind }),
    ...(type === undefined ? {} : { type }),
    ...(labels === undefined ? {} : { labels }),
    ...(owner === undefined ? {} : { owner }),
  };
}

/** `lubeck:hansa` is what we mirror of lubeck. */
function splitOwner(spelled: string): { owner: string | undefined; rest: string } {
  const colon = spelled.indexOf(':');
  return colon < 1
    ? { owner: undefined, rest: spelled }
    : { owner: spelled.slice(0, colon), rest: spelled.slice(colon + 1) };
}

function splitKind(spelled: string): { kind: string | undefined; name: string } {
  const kind = kindsSpelled.find((known) => spelled.startsWith(`${known}/`));
  return { kind, name: kind === undefined ? spelled : spelled.slice(kind.length + 1) };
}

/**
 * `<kind>/<name>` of one resource, with the owner where it is a mirror, as people spell it. Without
 * a kind that is known here, it is what there is of that name.
 */
export async function resourceSpelled(
  context: Pick<CommandContext, 'carrier' | 'signal'>,
  spelled: string,
): Promise<{ readonly resource: LocalId; readonly owner?: string }> {
  const { owner, rest } = splitOwner(spelled);
  const { kind, name } = splitKind(rest);
  const found = kind === undefined ? await namesOf(context, owner) : [];
  const chosen = chosenSpelled(found, rest) ?? { kind: kind ?? kindAssumed, name };
  const resource = localId(chosen.kind, chosen.name);
  return { resource, ...(owner === undefined ? {} : { owner }) };
}

/** Ours, or what we mirror of a peer. Whoever may ask for rules need not see all of these. */
async function namesOf(
  { carrier, signal }: Pick<CommandContext, 'carrier' | 'signal'>,
  owner: string | undefined,
): Promise<readonly { readonly kind: string; readonly name: string }[]> {
  try {
    if (owner === undefined) {
      return (await remote(catalogContract, carrier).list({ own: true }, { signal })).items;
    }
    return (await remote(syncContract, carrier).list({ peer: owner }, { signal })).mirrors;
  } catch (error) {
    if (isHansaError(error, 'FORBIDDEN') || isHansaError(error, 'LINK_NOT_FOUND')) {
      return [];
    }
    throw error;
  }
}

/** Whether the spelling means one resource, about which one can ask why. */
export function isOneResource(spelled: string): boolean {
  return !spelled.includes('*');
}
