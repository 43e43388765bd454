export { createApiGate, type ApiGateNeeds } from './gate.ts';
export { gateLimits, type GateLimits } from './gate-limits.ts';
export { openHttp, type HttpNeeds, type HttpRoad } from './http.ts';
export { httpLimits, type HttpLimits } from './http-limits.ts';
export { socketPathBytesMax, type ListenAddress } from './http-listen.ts';
export { openApi } from './openapi.ts';
export { compose, type Composition } from './composition.ts';
export type { CompositionNeeds, Drivers } from './composition-needs.ts';
export { configOptions } from './config-options.ts';
export { readConfig, type Config, type GivenFlags } from './config.ts';
export { makeDataFolder } from './data-folder.ts';
export { runDuties } from './duties.ts';
export { createPeerGate } from './peer-gate.ts';
export {
  abandonMigration,
  checkBackup,
  migrateStore,
  openShared,
  planMigration,
  type Offline,
} from './offline.ts';
export { abandonRestore, planRestore, restoreFolder } from './restore-offline.ts';
export { parseStoreUrl, readStoreChoice, type StoreChoice } from './store-choice.ts';
export { openHolder } from './token-holder.ts';
export type { RunningNode } from './running-node.ts';
export {
  loadSignals,
  reachSignals,
  type SignalDoor,
  type SignalLoading,
  type SignalReaching,
} from './signal-client.ts';
export {
  serveSignals,
  signalLog,
  type SignalServer,
  type SignalServerOptions,
} from './signal-server.ts';
export { startNode } from './start.ts';
export { hansaVersion } from './version.ts';
export { signSignalToken, type SignedToken } from './signal-signing.ts';
