// The provider as a node holds it: the library behind it takes 8 MB, and most nodes never need it.
import type { OpenIdProvider } from '@hansa/capabilities/logins/oidc';
import type { OpenIdNeeds } from './open-id.ts';

export function createOpenIdProvider(needs: OpenIdNeeds): OpenIdProvider {
  let loading: Promise<OpenIdProvider> | undefined;
  const loaded = (): Promise<OpenIdProvider> => {
    loading ??= import('./open-id.ts').then(({ loadedProvider }) => loadedProvider(needs));
    return loading;
  };
  return {
    begin: async (settings, signal) => (await loaded()).begin(settings, signal),
    finish: async (settings, given, signal) => (await loaded()).finish(settings, given, signal),
  };
}
