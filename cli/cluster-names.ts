// Clusters as people call them: where an answer says one by its id, as in `user:anna@<id>`, the
// name that the asked cluster has for it is shown. Programs get the ids.
import { daemonContract } from '@hansa/capabilities/daemon/contract';
import { remote, type Carrier, type CommandOutput, type CommandView } from '@hansa/foundation';

/** Undefined for a cluster that nobody here has a name for. */
type NameOf = (cluster: string) => string | undefined;

export interface ClusterNames {
  /** One line, or many. */
  named(text: string): Promise<string>;
  /** What a person reads of it, where it says that ids stand for names in it. */
  shown(output: CommandOutput): Promise<CommandOutput>;
}

const idShown = 8; // of a cluster without a name: enough to tell apart those that one knows

// What stands for a cluster in a sentence: `anna@<id>`, `cluster:<id>`, `<id>:kv/prices`, and
// `in cluster <id>`. An id alone is what was asked for, and stays whole.
const forms: readonly (readonly [form: RegExp, said: (found: Found) => string])[] = [
  [/(?<=[\w./-]@)([0-9a-f]{64})(?![0-9a-f/])/g, ({ name, short }) => name ?? short],
  [/(?<=\bcluster:)([0-9a-f]{64})(?![0-9a-f])/g, ({ name, short }) => name ?? short],
  [/\b([0-9a-f]{64})(?=:[a-z][a-z0-9-]*\/)/g, ({ name, short }) => name ?? short],
  [/\bcluster ([0-9a-f]{64})(?![0-9a-f])/g, ({ name, short }) => name ?? `cluster ${short}`],
];

interface Found {
  readonly name: string | undefined;
  readonly short: string;
}

export function createClusterNames(carrier: Carrier, signal: AbortSignal): ClusterNames {
  let known: Promise<NameOf> | undefined;
  const named = async (text: string): Promise<string> => {
    if (!forms.some(([form]) => text.search(form) >= 0)) {
      return text;
    }
    known ??= askNames(carrier, signal);
    return withNames(text, await known);
  };
  return { named, shown: async (output) => shownBy(named, output) };
}

/** Whoever may not ask how the node is knows no names. */
async function askNames(carrier: Carrier, signal: AbortSignal): Promise<NameOf> {
  const names = new Map<string, string>();
  try {
    const { cluster, name, links } = await remote(daemonContract, carrier).status({}, { signal });
    links.forEach((link) => names.set(link.peer, link.name));
    names.set(cluster, name);
  } catch {
    // The answer itself is here, and is shown with its ids.
  }
  return (cluster) => names.get(cluster);
}

function withNames(text: string, nameOf: NameOf): string {
  return forms.reduce(
    (sofar, [form, said]) =>
      sofar.replaceAll(form, (_all, id: string) =>
        said({ name: nameOf(id), short: id.slice(0, idShown) }),
      ),
    text,
  );
}

async function shownBy(
  named: ClusterNames['named'],
  output: CommandOutput,
): Promise<CommandOutput> {
  const { view, next, namesClusters } = output;
  if (namesClusters !== true) {
    return output;
  }
  return {
    ...output,
    view: await viewBy(named, view),
    ...(next === undefined ? {} : { next: await all(named, next) }),
  };
}

async function viewBy(named: ClusterNames['named'], view: CommandView): Promise<CommandView> {
  switch (view.kind) {
    case 'text':
      return { ...view, text: await named(view.text) };
    case 'record': {
      const values = await all(
        named,
        view.fields.map(([, value]) => value),
      );
      return { ...view, fields: view.fields.map(([label], at) => [label, values[at] ?? '']) };
    }
    case 'table':
      return { ...view, rows: await Promise.all(view.rows.map((row) => all(named, row))) };
    case 'stack':
      return {
        ...view,
        views: await Promise.all(view.views.map((each) => viewBy(named, each))),
      };
  }
}

function all(named: ClusterNames['named'], texts: readonly string[]): Promise<readonly string[]> {
  return Promise.all(texts.map(named));
}
