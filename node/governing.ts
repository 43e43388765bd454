// Who is let in, how each cluster stands, what it may, and where it is found.
import { discoveryCapability } from '@hansa/capabilities/discovery/capability';
import { linksCapability, type LinksCapability } from '@hansa/capabilities/links/capability';
import type { LinksNeeds } from '@hansa/capabilities/links/parts';
import { policiesCapability } from '@hansa/capabilities/policies/capability';
import type { ResourceLog } from '@hansa/capabilities/resources/contract';
import { tokensCapability, type TokensNeeds } from '@hansa/capabilities/tokens/capability';
import { trustCapability, trustLevels } from '@hansa/capabilities/trust/capability';
import { scopeStore, type Capability } from '@hansa/foundation';
import type { CompositionNeeds } from './composition-needs.ts';

/** These ask one another: each is made before all of what it asks is there. */
export function governing(
  needs: CompositionNeeds,
  given: Pick<LinksNeeds, 'edge' | 'remark'> &
    Pick<TokensNeeds, 'directories' | 'access'> & { readonly resources: ResourceLog },
): {
  readonly linking: LinksCapability;
  readonly ruling: ReturnType<typeof policiesCapability>;
  readonly trusting: ReturnType<typeof trustCapability>;
  readonly tokening: ReturnType<typeof tokensCapability>;
  /** In the order of their start. */
  readonly capabilities: readonly Capability[];
} {
  const { resources, edge, remark } = given;
  const { signer, keys } = needs.identity;
  const trustStore = scopeStore(needs.store, 'trust');
  const judging = trustLevels({ ...needs, store: trustStore });
  const linking = linksCapability({
    ...needs,
    store: scopeStore(needs.store, 'links'),
    signer,
    keys,
    edge,
    remark: (peer) => remark?.(peer),
    trust: judging.levels,
    forecast: (change) => ruling.forecast(change),
  });
  const { peers, reaching } = linking;
  const tokenStore = scopeStore(needs.store, 'tokens');
  const tokening = tokensCapability({
    ...needs,
    directories: given.directories,
    access: given.access,
    remark,
    store: tokenStore,
    signer,
    keys,
    peers,
  });
  const ruling = policiesCapability({
    ...needs,
    store: scopeStore(needs.store, 'policies'),
    signer,
    resources,
    peers,
    judged: judging.levels.judged,
    tokens: tokening.presented,
  });
  const { forecast } = ruling;
  const asked = { signer, peers, reaching, forecast, judging };
  const trusting = trustCapability({ ...needs, ...asked, store: trustStore });
  const finding = discoveryCapability({
    ...needs,
    store: scopeStore(needs.store, 'discovery'),
    signer,
    keys,
    peers,
    reaching,
    isBlocked: (cluster) => judging.levels.level(cluster) === 'blocked',
    options: needs.discovery,
  });
  const parts = { linking, ruling, trusting, tokening };
  const started = [trusting.capability, linking.capability, finding, tokening.capability];
  return { ...parts, capabilities: [...started, ruling.capability] };
}
