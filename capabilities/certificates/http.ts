// The bundle where SPIFFE looks for it: what it says is for everybody.
import { utf8, type HttpRoute } from '@hansa/foundation';
import type { Certificates } from './contract.ts';

export function certificateRoutes(
  certificates: Pick<Certificates, 'bundle'>,
): readonly HttpRoute[] {
  return [
    {
      method: 'GET',
      path: '/.well-known/spiffe-bundle',
      permission: 'open',
      summary: 'The authorities of this cluster, as a SPIFFE trust bundle.',
      async handle() {
        const { spiffe } = await certificates.bundle({});
        return {
          status: 200,
          headers: { 'content-type': 'application/json; charset=utf-8' },
          body: utf8(JSON.stringify(spiffe)),
        };
      },
    },
  ];
}
