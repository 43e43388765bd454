// Ties directories to their host: a contract for people, a kind for sync, and who is known for the
// rest of the node.
import { capability, type Capability } from '@hansa/foundation';
import { directoryContract, type Directory } from './contract.ts';
import { createDirectory, type DirectoryNeeds } from './service.ts';
import type { Directories } from './uses.ts';

export type { DirectoryNeeds };

export interface DirectoryCapability {
  readonly capability: Capability;
  readonly directories: Directories;
  /** For logins, which make users whom a provider vouches for. */
  readonly directory: Directory;
}

export function directoryCapability(needs: DirectoryNeeds): DirectoryCapability {
  const { directory, directories, kind, followed } = createDirectory(needs);
  needs.mirrors.registerKind(kind);
  return {
    directories,
    directory,
    capability: capability({
      name: 'directory',
      serves: [{ contract: directoryContract, service: directory }],
      start: () => followed.start(),
      stop: async () => followed.stop(),
    }),
  };
}
