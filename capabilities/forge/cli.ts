// `hansa repo …`: what people type, and what they see.
import {
  bytesText,
  labelOption,
  remote,
  requiredArgument,
  requireOwn,
  requireYes,
  spelledResource,
  textOption,
  textView,
  type Command,
  type CommandContext,
  type CommandView,
} from '@hansa/foundation';
import { protect, sign } from './cli-protecting.ts';
import {
  forgeContract,
  type Forge,
  type Repository,
  type ShownRef,
  type ShownRepository,
} from './contract.ts';

/** Stock git asks `hansa` for the owner token, so that no token stands in an address or a file. */
const gitCommand = "git -c credential.helper='!npx hansa credential'";

const create: Command = {
  noun: 'repo',
  verb: 'create',
  summary: 'Make an empty repository, to be filled by git push.',
  args: [{ name: '<name>', description: 'segments joined by "/", for example team-a/site' }],
  options: [
    { flags: '--description <text>', description: 'one line for the catalog' },
    { flags: '--label <key=value...>', description: 'for selecting it in rules; repeatable' },
  ],
  examples: ['hansa repo create hansa', 'hansa repo create team-a/site --label team=a'],
  async run(context) {
    const data = await forgeOf(context).create(
      {
        name: requiredArgument(context, 'name'),
        description: textOption(context, 'description'),
        labels: labelOption(context, 'label'),
      },
      { signal: context.signal },
    );
    return {
      data,
      view: textView(`Made ${data.name}, empty, at ${data.url}.`),
      next: [`${gitCommand} push ${data.url} --all`, `hansa share add ${data.name} --to <peer>`],
    };
  },
};

const list: Command = {
  noun: 'repo',
  verb: 'list',
  summary: 'List own repositories and mirrors.',
  examples: ['hansa repo list'],
  async run(context) {
    const data = await forgeOf(context).list({}, { signal: context.signal });
    const [first] = data.repositories;
    return {
      data,
      view: {
        kind: 'table',
        columns: ['NAME', 'ROLE', 'HEAD', 'REFS', 'SIZE', 'DESCRIPTION'],
        rows: data.repositories.map((each) => [
          spelledResource(each),
          each.role,
          shortRef(each.head),
          String(each.refCount),
          bytesText(each.sizeBytes),
          each.description,
        ]),
        empty: 'No repositories yet.',
      },
      next: [
        first === undefined
          ? 'hansa repo create <name>'
          : `hansa repo show ${spelledResource(first)}`,
      ],
    };
  },
};

const show: Command = {
  noun: 'repo',
  verb: 'show',
  summary: 'Show a repository with its refs, and how to clone it.',
  args: [{ name: '<name>', description: 'a name, or <peer>:<name> for a mirror' }],
  examples: ['hansa repo show hansa', 'hansa repo show lubeck:hansa'],
  async run(context) {
    const name = requiredArgument(context, 'name');
    const data = await forgeOf(context).show({ name }, { signal: context.signal });
    const clone = `${gitCommand} clone ${data.url}`;
    return {
      data,
      view: { kind: 'stack', views: [record(data), refsTable(data), ...unshown(data)] },
      next: data.role === 'own' ? [clone, `hansa share add ${data.name} --to <peer>`] : [clone],
    };
  },
};

function record(shown: ShownRepository): CommandView {
  return {
    kind: 'record',
    fields: [
      ['name', spelledResource(shown)],
      ['role', shown.role === 'own' ? 'own' : `read-only mirror of ${shown.ownerName}`],
      ['resource', shown.resource],
      ...given('description', shown.description),
      ...given('labels', labelsText(shown)),
      ['url', shown.url],
      ['head', shown.head],
      ['size', `${bytesText(shown.sizeBytes)} in ${shown.packCount} pack(s)`],
      ['position', `${shown.epoch}/${shown.sequence}`],
    ],
  };
}

/** A mirror knows its owner's refs, not its words about them. */
function given(label: string, value: string): readonly (readonly [string, string])[] {
  return value === '' ? [] : [[label, value]];
}

function refsTable({ refs, role }: ShownRepository): CommandView {
  return {
    kind: 'table',
    columns: ['REF', 'TARGET'],
    rows: refs.map(({ name, target }: ShownRef) => [name, target]),
    empty: role === 'own' ? 'Empty: nothing was pushed yet.' : 'Empty: nothing has arrived yet.',
  };
}

function unshown({ refs, refCount }: ShownRepository): readonly CommandView[] {
  return refCount > refs.length ? [textView(`… and ${refCount - refs.length} more refs.`)] : [];
}

const remove: Command = {
  noun: 'repo',
  verb: 'delete',
  summary: 'Delete an own repository with its history; mirrors elsewhere keep what they have.',
  args: [{ name: '<name>', description: 'an own repository' }],
  options: [{ flags: '--yes', description: 'delete it without being asked' }],
  examples: ['hansa repo delete hansa', 'hansa repo delete team-a/site --yes'],
  async run(context) {
    const forge = forgeOf(context);
    const { signal } = context;
    const name = requiredArgument(context, 'name');
    const shown = await forge.show({ name }, { signal });
    requireOwn(shown, 'git');
    const question = `Delete ${name} with its history of ${shown.refCount} ref(s), for good?`;
    await requireYes(context, question);
    const data = await forge.delete({ name }, { signal });
    return { data, view: textView(`Deleted ${data.name}.`), next: ['hansa repo list'] };
  },
};

function shortRef(ref: string): string {
  return ref.replace(/^refs\/heads\//, '');
}

function labelsText({ labels }: Repository): string {
  return Object.entries(labels)
    .map(([key, value]) => `${key}=${value}`)
    .join(' ');
}

export const forgeCommands: readonly Command[] = [create, list, show, protect, sign, remove];

function forgeOf({ carrier }: CommandContext): Forge {
  return remote(forgeContract, carrier);
}
