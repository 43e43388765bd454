// What the node opens of signals: a router by itself, the router of a cluster, and sessions at any.
export { openSignalClient } from './client/client.ts';
export { runLoad } from './client/load.ts';
export { hostSignals, type CallerJudge, type HostedSignals, type HostingNeeds } from './hosting.ts';
export { peerSignals } from './links/peering.ts';
export { guardWhileHeld } from './router/holding.ts';
export { routerDefaults } from './router/limits.ts';
export { createMemoryJournal } from './router/journal.ts';
export { createSignals, type Signals, type SignalsNeeds } from './signals.ts';
export { requireScopes } from './router/scopes.ts';
export { makeCapToken } from './tokens/cap-token.ts';
