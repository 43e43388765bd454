// `hansa app list|register|remove|find|call`: what people type, and what they see.
import {
  flagOption,
  listOption,
  problemText,
  remote,
  requiredArgument,
  requiredOption,
  textOption,
  textView,
  type Command,
  type CommandContext,
  type CommandView,
} from '@hansa/foundation';
import { appsContract, methodSchema, type App, type Apps } from './contract.ts';

const register: Command = {
  noun: 'app',
  verb: 'register',
  summary: 'Register an app of this cluster; the same id again replaces it.',
  args: [{ name: '<id>', description: 'lower-case words joined by hyphens' }],
  options: [
    { flags: '--app-version <version>', description: 'semantic: 1.4.0', required: true },
    { flags: '--name <name>', description: 'for people (default: the id)' },
    { flags: '--capability <word...>', description: 'what it can do, for others to find' },
    { flags: '--endpoint <url>', description: 'where it answers here: http://127.0.0.1:8080' },
    { flags: '--private', description: 'tell no peer of it, and let none reach it' },
  ],
  examples: [
    'hansa app register ledger --app-version 1.4.0 --capability book.keeping --endpoint http://127.0.0.1:8080',
  ],
  async run(context) {
    const id = requiredArgument(context, 'id');
    const data = await appsOf(context).register(
      {
        id,
        version: requiredOption(context, 'appVersion'),
        name: textOption(context, 'name') ?? id,
        capabilities: listOption(context, 'capability'),
        endpoint: textOption(context, 'endpoint'),
        private: flagOption(context, 'private'),
      },
      { signal: context.signal },
    );
    return {
      data,
      view: textView(`Registered ${data.id} ${data.version}.`),
      next: ['hansa app list', `hansa app remove ${data.id}`],
    };
  },
};

const remove: Command = {
  noun: 'app',
  verb: 'remove',
  summary: 'Remove an app of this cluster.',
  args: [{ name: '<id>', description: 'as hansa app list shows it' }],
  examples: ['hansa app remove ledger'],
  async run(context) {
    const id = requiredArgument(context, 'id');
    const data = await appsOf(context).remove({ id }, { signal: context.signal });
    return { data, view: textView(`Removed ${id}.`), next: ['hansa app list'] };
  },
};

const list: Command = {
  noun: 'app',
  verb: 'list',
  summary: 'List the apps of this cluster and those that its peers tell of.',
  options: [{ flags: '--peer <peer>', description: 'only what this one tells of' }],
  examples: ['hansa app list', 'hansa app list --peer bergen'],
  async run(context) {
    const peer = textOption(context, 'peer');
    const data = await appsOf(context).list({ peer }, { signal: context.signal });
    const silent = data.unheard.map((one) => textView(`${one.peer}: ${problemText(one.problem)}`));
    return {
      data,
      view: { kind: 'stack', views: [appTable(data.apps, 'no app is registered'), ...silent] },
      next: ['hansa app find <capability>'],
    };
  },
};

const find: Command = {
  noun: 'app',
  verb: 'find',
  summary: 'Find the apps that have a capability, the nearest first.',
  args: [{ name: '<capability>', description: 'one word, as apps register it' }],
  examples: ['hansa app find book.keeping'],
  async run(context) {
    const capability = requiredArgument(context, 'capability');
    const data = await appsOf(context).find({ capability }, { signal: context.signal });
    return {
      data,
      view: appTable(data.apps, `no app that is known here has ${capability}`),
      next: ['hansa app call <app> <path>'],
    };
  },
};

const call: Command = {
  noun: 'app',
  verb: 'call',
  summary: 'Call an app here, or elsewhere with a token.',
  args: [
    { name: '<app>', description: 'its id' },
    { name: '<path>', description: 'with its query; begins with "/"' },
  ],
  options: [
    {
      flags: '--method <method>',
      description: 'of the request',
      default: 'GET',
      choices: ['GET', 'POST', 'PUT', 'DELETE'],
    },
    { flags: '--body <text>', description: 'what is sent' },
    { flags: '--content-type <type>', description: 'of what is sent' },
    { flags: '--token <token>', description: 'yours, narrowed for this cluster with --fact proxy' },
    { flags: '--received <id>', description: 'of a token that was given to this cluster' },
  ],
  examples: [
    'hansa app call ledger /accounts?open=true',
    'hansa app call ledger /accounts --received 4Zq3mJk0v9pXh2cQe7sWbA',
  ],
  async run(context) {
    const data = await appsOf(context).call(
      {
        id: requiredArgument(context, 'app'),
        path: requiredArgument(context, 'path'),
        method: methodSchema.parse(textOption(context, 'method') ?? 'GET'),
        body: textOption(context, 'body'),
        contentType: textOption(context, 'contentType'),
        token: textOption(context, 'token')?.replaceAll(/\s+/g, ''),
        received: textOption(context, 'received'),
      },
      { signal: context.signal },
    );
    const failed = data.status >= 400;
    const status = failed ? [textView(`The app answered with status ${data.status}.`)] : [];
    return {
      data,
      view: { kind: 'stack', views: [...status, textView(data.body)] },
      ...(failed ? { exit: 1 } : {}),
    };
  },
};

export const appsCommands: readonly Command[] = [register, remove, list, find, call];

function appTable(apps: readonly App[], empty: string): CommandView {
  return {
    kind: 'table',
    columns: ['APP', 'VERSION', 'NAME', 'CAPABILITIES', 'CLUSTER', 'WAY'],
    rows: apps.map((app) => [
      app.id,
      app.version,
      app.name,
      app.capabilities.join(' '),
      app.clusterName ?? app.cluster.slice(0, 8),
      wayOf(app),
    ]),
    empty,
  };
}

function wayOf({ distance, endpoint, private: isPrivate }: App): string {
  if (distance !== undefined) {
    return distance === 0 ? 'linked' : `${distance} between`;
  }
  return `${endpoint ?? 'here'}${isPrivate === true ? ', private' : ''}`;
}

function appsOf({ carrier }: CommandContext): Apps {
  return remote(appsContract, carrier);
}
