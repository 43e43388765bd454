// Certificates as a node has them: absent where no maker was handed in.
import { certificatesCapability } from '@hansa/capabilities/certificates/capability';
import type {
  CertificateExpiries,
  CertificateTrust,
} from '@hansa/capabilities/certificates/contract';
import type { Capability } from '@hansa/foundation';
import type { CertificateOptions } from './composition-needs.ts';

type Needs = Omit<
  Parameters<typeof certificatesCapability>[0],
  'maker' | 'validities' | 'names'
> & { readonly certificates?: CertificateOptions | undefined };

export interface Certifying {
  readonly capabilities: readonly Capability[];
  readonly trust?: CertificateTrust | undefined;
  readonly expiries: CertificateExpiries;
}

const none: Certifying = {
  capabilities: [],
  expiries: { expiries: () => [], warnings: () => [] },
};

export function certifying(needs: Needs): Certifying {
  if (needs.certificates === undefined) {
    return none;
  }
  const made = certificatesCapability({ ...needs, ...needs.certificates });
  return { capabilities: [made.capability], trust: made.trust, expiries: made.expiries };
}
