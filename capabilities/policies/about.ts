// What a rule is about, as the audit tells it: `kv/prices to bergen`, in the order in which people
// share. By the words it was asked for in.
import type { RuleRequest } from './rule.ts';

export function aboutRule({ resources, peers }: RuleRequest): string {
  const { owner, kind, name, type, labels } = resources;
  const place = `${owner === undefined ? '' : `${owner}:`}${kind === undefined ? '' : `${kind}/`}`;
  const what = [
    `${place}${name ?? '**'}`,
    ...(type === undefined ? [] : [`type ${type}`]),
    ...labelled(labels ?? {}),
  ].join(', ');
  return `${what} to ${whom(peers)}`;
}

function whom(peers: RuleRequest['peers']): string {
  if ('peer' in peers) {
    return peers.peer;
  }
  if ('cluster' in peers) {
    return peers.cluster;
  }
  return 'labels' in peers ? labelled(peers.labels).join(', ') : Object.keys(peers).join();
}

function labelled(labels: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(labels).map(([key, value]) => `${key}=${value}`);
}
