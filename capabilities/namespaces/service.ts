// Namespaces as people see them.
import {
  clusterIdSchema,
  federatedId,
  HansaError,
  localId,
  resolveSpelled,
  splitFederatedId,
  type ClusterId,
  type FederatedId,
} from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import { conflictOf, type BookNeeds, type LivingBook } from './book.ts';
import {
  namespaceKind,
  namespacesMax,
  type Namespace,
  type Namespaces,
  type StatedNamespace,
} from './contract.ts';
import { definitionKey, namespaceProblem } from './keys.ts';

export interface NamespacesNeeds extends BookNeeds {
  readonly signer: { readonly cluster: ClusterId; readonly name: string };
  readonly peers: Peers;
}

export function createNamespaces(needs: NamespacesNeeds, book: LivingBook): Namespaces {
  const { resources, signer, codec } = needs;
  return {
    async add({ name, patterns, of, ...words }) {
      const cluster = of === undefined ? signer.cluster : clusterCalled(needs, of);
      await book.refresh();
      requireFree(needs, book, { name, patterns, cluster });
      const resource = await resources.create({ kind: namespaceKind, name, ...words });
      const said = { patterns: [...new Set(patterns)], cluster };
      const value = codec.encode(cluster === signer.cluster ? { patterns: said.patterns } : said);
      await resources.append(resource.id, [{ put: { key: definitionKey, value, blobs: [] } }], {
        author: signer.name,
      });
      await book.refresh();
      return requireNamespace(needs, book, federatedId(signer.cluster, resource.id));
    },
    async list() {
      await book.refresh();
      return { namespaces: book.all().map((one) => shown(needs, one)) };
    },
    async show({ namespace }) {
      await book.refresh();
      return requireNamespace(needs, book, resolveSpelled(needs, namespaceKind, namespace));
    },
    async remove({ namespace }) {
      await book.refresh();
      const resource = resolveSpelled(needs, namespaceKind, namespace);
      const { owner, local } = splitFederatedId(resource);
      const found = requireNamespace(needs, book, resource);
      if (owner !== signer.cluster) {
        throw new HansaError('RESOURCE_READ_ONLY', `${found.ownerName} owns ${namespace}`, {
          fix: `delete the mirror: hansa mirror remove ${found.ownerName}:${local}`,
        });
      }
      await resources.remove(local);
      await book.refresh();
      return found;
    },
  };
}

function requireFree(
  needs: NamespacesNeeds,
  book: LivingBook,
  asked: {
    readonly name: string;
    readonly patterns: readonly string[];
    readonly cluster: ClusterId;
  },
): void {
  const { resources } = needs;
  const problem = namespaceProblem(asked.patterns);
  if (problem !== undefined) {
    throw new HansaError('INPUT_INVALID', problem);
  }
  const taken = conflictOf(book.all(), asked.cluster, asked.patterns);
  if (taken !== undefined) {
    const { name, clusterName } = shown(needs, taken);
    const sentence = `${name} has these addresses for ${clusterName} already`;
    throw new HansaError('NAMESPACE_TAKEN', sentence, { facts: { namespace: taken.resource } });
  }
  if (resources.find(localId(namespaceKind, asked.name)) !== undefined) {
    throw new HansaError('RESOURCE_EXISTS', `there is a namespace ${asked.name} already`, {
      fix: `remove it first: hansa namespace remove ${asked.name}`,
    });
  }
  if (resources.all().filter(({ kind }) => kind === namespaceKind).length >= namespacesMax) {
    throw new HansaError('STORE_LIMIT', `there are ${namespacesMax} namespaces, all there may be`);
  }
}

/** One that is linked, by its name; or any, by its whole id. */
function clusterCalled({ peers, signer }: NamespacesNeeds, spelled: string): ClusterId {
  const whole = clusterIdSchema.safeParse(spelled);
  if (whole.success || spelled === signer.name) {
    return whole.data ?? signer.cluster;
  }
  return peers.resolve(spelled).cluster;
}

function requireNamespace(
  needs: NamespacesNeeds,
  book: LivingBook,
  resource: FederatedId,
): Namespace {
  const found = book.all().find((one) => one.resource === resource);
  if (found === undefined) {
    const { local } = splitFederatedId(resource);
    throw new HansaError('RESOURCE_NOT_FOUND', `there is no ${local} here`, {
      fix: 'hansa namespace list',
    });
  }
  return shown(needs, found);
}

function shown(needs: NamespacesNeeds, one: StatedNamespace): Namespace {
  const { owner, name } = splitFederatedId(one.resource);
  return {
    ...one,
    name,
    ownerName: nameOf(needs, owner),
    clusterName: nameOf(needs, one.cluster),
  };
}

function nameOf({ peers, signer }: NamespacesNeeds, cluster: ClusterId): string {
  return cluster === signer.cluster
    ? signer.name
    : (peers.standing(cluster).name ?? `${cluster.slice(0, 8)}…`);
}
