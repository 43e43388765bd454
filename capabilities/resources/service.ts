// The resources of this cluster as people see them.
import { HansaError, toHex } from '@hansa/foundation';
import type { ResourceLog, Resources } from './contract.ts';

export function createResources(log: ResourceLog): Resources {
  return {
    list: async ({ kind }) => ({
      resources: log.all().filter((resource) => kind === undefined || resource.kind === kind),
    }),
    async show({ id }) {
      const resource = log.find(id);
      const position = await log.position(id);
      if (resource === undefined || position === undefined) {
        throw new HansaError('RESOURCE_NOT_FOUND', `there is no ${id} here`);
      }
      const { epoch, sequence, digest } = position;
      return { ...resource, position: { epoch, sequence, digest: toHex(digest) } };
    },
  };
}
