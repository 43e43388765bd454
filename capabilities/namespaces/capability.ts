// Ties namespaces to their host: a contract for people, a kind for sync, a book for the router.
import { capability, type Capability } from '@hansa/foundation';
import { createBook } from './book.ts';
import { namespacesContract, type NamespaceBook } from './contract.ts';
import { createNamespaceKind } from './mirrored.ts';
import { createNamespaces, type NamespacesNeeds } from './service.ts';

export interface NamespacesCapability {
  readonly capability: Capability;
  readonly book: NamespaceBook;
}

export function namespacesCapability(needs: NamespacesNeeds): NamespacesCapability {
  const book = createBook(needs);
  needs.mirrors.registerKind(createNamespaceKind(needs.codec, () => book.purged()));
  return {
    book,
    capability: capability({
      name: namespacesContract.name,
      serves: [{ contract: namespacesContract, service: createNamespaces(needs, book) }],
      duties: [{ name: 'namespaces.read', run: (signal) => book.run(signal) }],
      start: () => book.refresh(),
    }),
  };
}
