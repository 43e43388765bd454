// A rule as it is spelled on the command line: resources, peers, verbs. An unknown word is an
// error, never a guess.
import {
  durationOption,
  HansaError,
  labelOption,
  requiredArgument,
  requiredOption,
  textOption,
  type CommandContext,
} from '@hansa/foundation';
import { verbs, type ResourceSelector, type RuleRequest, type Verb } from './contract.ts';

/** A name that begins with one of these and a slash says its kind; any other is of any kind. */
const kindsSpelled: readonly string[] = ['git'];
/** Where one resource is meant and its kind is not said. */
const kindAssumed = 'git';
export const publicWord = 'public';

/** The specification's directions are these verbs. */
const directions: Readonly<Record<string, readonly Verb[]>> = {
  pull: ['see', 'pull'],
  push: ['see', 'push'],
  bidirectional: ['see', 'pull', 'push'],
};
export const directionWords: readonly string[] = Object.keys(directions);
const readOnly: readonly Verb[] = ['see', 'pull'];

type Input = Pick<CommandContext, 'args' | 'options'>;

export function ruleRequest(input: Input): RuleRequest {
  const to = requiredOption(input, 'to');
  const ttlMs = durationOption(input, 'expires');
  return {
    ...effectOf(input),
    resources: selectorOf(input),
    peers: to === publicWord ? { public: true } : { peer: to },
    ...(ttlMs === undefined ? {} : { ttlMs }),
  };
}

function effectOf(input: Input): Pick<RuleRequest, 'effect' | 'verbs'> {
  const allow = textOption(input, 'allow');
  const deny = textOption(input, 'deny');
  const direction = textOption(input, 'direction');
  if ([allow, deny, direction].filter((given) => given !== undefined).length > 1) {
    throw new HansaError('USAGE', '--allow, --deny and --direction exclude each other', {
      fix: 'a rule either allows or denies: make two rules',
    });
  }
  if (deny !== undefined) {
    return { effect: 'deny', verbs: parseVerbs(deny) };
  }
  if (direction !== undefined) {
    return { effect: 'allow', verbs: parseDirection(direction) };
  }
  return { effect: 'allow', verbs: allow === undefined ? readOnly : parseVerbs(allow) };
}

/** `see,pull`, in the order in which verbs are always told. */
function parseVerbs(text: string): readonly Verb[] {
  const words = text.split(',').map((word) => parseVerb(word.trim()));
  return verbs.filter((verb) => words.includes(verb));
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
  const meant = Object.hasOwn(directions, word) ? directions[word] : undefined;
  if (meant === undefined) {
    throw new HansaError('INPUT_INVALID', `"${word}" is not a direction`, {
      fix: `the directions are ${directionWords.join(', ')}`,
    });
  }
  return meant;
}

function selectorOf(input: Input): ResourceSelector {
  const spelled = requiredArgument(input, 'resource');
  const { kind, name } = splitKind(spelled);
  const type = textOption(input, 'type');
  const labels = labelOption(input, 'label');
  return {
    name,
    ...(kind === undefined ? {} : { kind }),
    ...(type === undefined ? {} : { type }),
    ...(labels === undefined ? {} : { labels }),
  };
}

function splitKind(spelled: string): { kind: string | undefined; name: string } {
  const kind = kindsSpelled.find((known) => spelled.startsWith(`${known}/`));
  return { kind, name: kind === undefined ? spelled : spelled.slice(kind.length + 1) };
}

/** `<kind>/<name>` of one resource, as people spell it. */
export function localSpelling(spelled: string): { kind: string; name: string } {
  const { kind, name } = splitKind(spelled);
  return { kind: kind ?? kindAssumed, name };
}

/** Whether the spelling means one resource, about which one can ask why. */
export function isOneResource(spelled: string): boolean {
  return !spelled.includes('*');
}
