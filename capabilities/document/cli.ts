// `hansa document …`: what people type, and what they see.
import {
  bytesText,
  countOption,
  flagOption,
  fromUtf8,
  HansaError,
  labelOption,
  momentText,
  remote,
  requiredArgument,
  requireOwn,
  requireYes,
  showWatch,
  spelledResource,
  textOption,
  textView,
  type Command,
  type CommandContext,
} from '@hansa/foundation';
import type { DocumentTerminal } from './cli-terminal.ts';
import { documentContract, type DocumentEvent, type Documents } from './contract.ts';

const anyArgument = { name: '<document>', description: 'a name, or <peer>:<name> for a mirror' };
const writtenArgument = {
  name: '<document>',
  description: 'an own document, or <peer>:<name> of a shared one',
};
const ownArgument = { name: '<document>', description: 'an own document' };
const jsonArgument = { name: '[json]', description: 'what to write, as JSON' };
const fileOption = { flags: '--file <path>', description: 'JSON from a file; "-" is the input' };
const ifVersion = {
  flags: '--if-version <version>',
  description: 'only where it is at this version; 0 where it is not there',
};

function putCommand(terminal: DocumentTerminal): Command {
  return {
    noun: 'document',
    verb: 'put',
    summary: 'Make a document, or take the place of its value.',
    args: [writtenArgument, jsonArgument],
    options: [
      fileOption,
      { flags: '--type <text>', description: 'what it is, for example monitoring/dashboard' },
      { flags: '--description <text>', description: 'one line for the catalog' },
      { flags: '--label <key=value...>', description: 'for selecting it in rules; repeatable' },
      { flags: '--shared', description: 'other clusters may write it too; JSON is merged' },
      ifVersion,
    ],
    examples: [
      'hansa document put ports \'{"http":8080}\'',
      'hansa document put boards/sales --type monitoring/dashboard --file sales.json',
    ],
    async run(context) {
      const document = requiredArgument(context, 'document');
      const words = {
        type: textOption(context, 'type'),
        description: textOption(context, 'description'),
        labels: labelOption(context, 'label'),
        shared: flagOption(context, 'shared') ? true : undefined,
        ifVersion: countOption(context, 'ifVersion'),
      };
      const data = await documentsOf(context).put(
        { document, value: await givenJson(context, terminal), ...onlyGiven(words) },
        { signal: context.signal },
      );
      return {
        data,
        view: textView(`${data.name} is at version ${data.version}.`),
        next: [
          `hansa document get ${data.name}`,
          `hansa share add document/${data.name} --to <peer>`,
        ],
      };
    },
  };
}

const get: Command = {
  noun: 'document',
  verb: 'get',
  summary: 'Read one document, own or mirrored.',
  args: [anyArgument],
  examples: ['hansa document get ports', 'hansa -o json document get lubeck:boards/sales'],
  async run(context) {
    const document = requiredArgument(context, 'document');
    const data = await documentsOf(context).get({ document }, { signal: context.signal });
    return { data, view: textView(JSON.stringify(data.value, undefined, 2)) };
  },
};

const list: Command = {
  noun: 'document',
  verb: 'list',
  summary: 'List own documents and mirrors, page by page.',
  options: [
    { flags: '--type <text>', description: 'only of this type' },
    { flags: '--limit <count>', description: 'documents of the page (default 100)' },
    { flags: '--cursor <cursor>', description: 'go on after the page that ended with it' },
  ],
  examples: ['hansa document list', 'hansa document list --type monitoring/dashboard'],
  async run(context) {
    const asked = onlyGiven({
      type: textOption(context, 'type'),
      limit: countOption(context, 'limit'),
      cursor: textOption(context, 'cursor'),
    });
    const data = await documentsOf(context).list(asked, { signal: context.signal });
    const [first] = data.documents;
    return {
      data,
      view: {
        kind: 'table',
        columns: ['DOCUMENT', 'ROLE', 'TYPE', 'VERSION', 'SIZE', 'WRITTEN'],
        rows: data.documents.map((each) => [
          spelledResource(each),
          each.role,
          each.type,
          String(each.version),
          bytesText(each.sizeBytes),
          momentText(each.writtenMs),
        ]),
        empty: 'No documents yet.',
      },
      next:
        data.cursor === undefined
          ? [first === undefined ? 'hansa document put <document> <json>' : 'hansa document watch']
          : [`hansa document list --cursor ${data.cursor}`],
    };
  },
};

function patchCommand(terminal: DocumentTerminal): Command {
  return {
    noun: 'document',
    verb: 'patch',
    summary: 'Change members of a document by a JSON merge patch; null takes one away.',
    args: [writtenArgument, jsonArgument],
    options: [fileOption, ifVersion],
    examples: ['hansa document patch ports \'{"https":8443,"http":null}\''],
    async run(context) {
      const document = requiredArgument(context, 'document');
      const words = { ifVersion: countOption(context, 'ifVersion') };
      const data = await documentsOf(context).patch(
        { document, patch: await givenJson(context, terminal), ...onlyGiven(words) },
        { signal: context.signal },
      );
      return { data, view: textView(JSON.stringify(data.value, undefined, 2)) };
    },
  };
}

const deletion: Command = {
  noun: 'document',
  verb: 'delete',
  summary: 'Delete an own document with its history; mirrors elsewhere keep what they have.',
  args: [ownArgument],
  options: [ifVersion, { flags: '--yes', description: 'delete it without being asked' }],
  examples: ['hansa document delete ports --yes'],
  async run(context) {
    const { signal } = context;
    const documents = documentsOf(context);
    const document = requiredArgument(context, 'document');
    requireOwn(await documents.get({ document }, { signal }), 'document');
    await requireYes(context, `Delete ${document} with its history, for good?`);
    const words = { ifVersion: countOption(context, 'ifVersion') };
    const data = await documents.delete({ document, ...onlyGiven(words) }, { signal });
    return { data, view: textView(`Deleted ${data.name}.`), next: ['hansa document list'] };
  },
};

function watchCommand(terminal: DocumentTerminal): Command {
  return {
    noun: 'document',
    verb: 'watch',
    summary: 'Show documents as they are, then every newer state, until interrupted.',
    args: [{ name: '[document]', description: 'one alone; a name, or <peer>:<name>' }],
    options: [{ flags: '--type <text>', description: 'only of this type' }],
    examples: [
      'hansa document watch lubeck:ports',
      'hansa -o json document watch --type monitoring/dashboard',
    ],
    async run(context) {
      const asked = onlyGiven({
        document: context.args['document'],
        type: textOption(context, 'type'),
      });
      return showWatch(context, {
        open: () => documentsOf(context).watch(asked, { signal: context.signal }),
        show: (event) => terminal.print(event, eventLine(event)),
      });
    },
  };
}

function eventLine(event: DocumentEvent): string {
  if (event.type === 'delete') {
    return `delete ${event.resource}`;
  }
  const { document } = event;
  return `${spelledResource(document)}  ${document.version}  ${JSON.stringify(document.value)}`;
}

async function givenJson(context: CommandContext, terminal: DocumentTerminal): Promise<unknown> {
  const path = textOption(context, 'file');
  const { json } = context.args;
  if ((path === undefined) === (json === undefined)) {
    throw new HansaError('USAGE', 'either JSON or --file', {
      fix: 'hansa document put <document> \'{"a":1}\'; hansa document put <document> --file <path>',
    });
  }
  const bytes = path === undefined ? undefined : await terminal.read(path);
  try {
    return JSON.parse(bytes === undefined ? (json ?? '') : fromUtf8(bytes));
  } catch (cause) {
    throw new HansaError('INPUT_INVALID', `${path ?? 'that'} is no JSON`, { cause });
  }
}

/** A field that was not given is left out: no null goes where a contract has no field. */
function onlyGiven<T extends object>(words: T): T {
  const given = Object.entries(words).filter(([, value]) => value !== undefined);
  return Object.fromEntries(given) as T;
}

export function documentCommands(terminal: DocumentTerminal): readonly Command[] {
  return [
    putCommand(terminal),
    get,
    list,
    patchCommand(terminal),
    deletion,
    watchCommand(terminal),
  ];
}

function documentsOf({ carrier }: CommandContext): Documents {
  return remote(documentContract, carrier);
}
