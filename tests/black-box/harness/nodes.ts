// A cluster of several nodes as people run one: an etcd, a node that founds the cluster, and nodes
// that join it by tickets.
import { startEtcd, type EtcdCluster } from '../../../testkit/etcd-server.ts';
import { afterFile } from './after-file.ts';
import { prepareCluster, startCluster, type Cluster } from './cluster.ts';
import { until } from './until.ts';

export interface NodesOptions {
  readonly name: string;
  readonly count: number;
  readonly members?: 1 | 3;
  readonly flags?: readonly string[];
}

export interface ClusterOfNodes {
  readonly etcd: EtcdCluster;
  /** In the order of their joining; the first has founded it. */
  readonly nodes: readonly Cluster[];
  readonly storeUrl: string;
  /** Which node is active, as some node that answers has it. */
  active(): Promise<Cluster>;
  /** One more, by a ticket. */
  join(nodeName: string): Promise<Cluster>;
}

export interface ListedNode {
  readonly name: string;
  readonly role: 'active' | 'standby' | 'away';
  readonly mode: 'serving' | 'draining';
}

const etcds: EtcdCluster[] = [];

afterFile(() => Promise.all(etcds.splice(0).map((etcd) => etcd.end())));

export async function startNodes(options: NodesOptions): Promise<ClusterOfNodes> {
  const { name, count, members = 1, flags = [] } = options;
  const etcd = await startEtcd({ members });
  etcds.push(etcd);
  const storeUrl = `etcd://${etcd.endpoints.join(',')}/${name}`;
  const first = await startCluster({
    name,
    flags: ['--store', storeUrl, '--node-name', 'n1', ...flags],
  });
  const nodes = [first];
  const join = async (nodeName: string): Promise<Cluster> => {
    const ticket = await ticketOf(nodes[0] ?? first);
    const node = prepareCluster({
      name,
      flags: ['--join', ticket, '--node-name', nodeName, ...flags],
    });
    await node.restart();
    nodes.push(node);
    return node;
  };
  for (let number = 2; number <= count; number += 1) {
    await join(`n${number}`);
  }
  return {
    etcd,
    nodes,
    storeUrl,
    join,
    active: () => until('a node is active', () => activeOf(nodes)),
  };
}

export async function ticketOf(node: Cluster): Promise<string> {
  const { body } = await node.api<{ ticket: string }>('POST', '/nodes/tickets', {});
  return body.ticket;
}

export async function listOf(node: Cluster): Promise<readonly ListedNode[]> {
  const { body } = await node.api<{ nodes: readonly ListedNode[] }>('GET', '/nodes');
  return body.nodes;
}

async function activeOf(nodes: readonly Cluster[]): Promise<Cluster | undefined> {
  for (const node of nodes) {
    const listed = await listOf(node).catch(() => undefined);
    const active = listed?.find(({ role }) => role === 'active');
    if (active !== undefined) {
      return nodes[Number(active.name.slice(1)) - 1];
    }
  }
  return undefined;
}
