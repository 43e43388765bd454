export {
  callTimeoutMs,
  createHttpCarrier,
  type ClientTls,
  type HttpCarrierOptions,
} from './http-carrier.ts';
export { connect } from './connect.ts';
export { nodeIdentity } from './node-identity.ts';
export { createSubspace, type KeyBounds, type Subspace } from './subspace.ts';
export {
  createDirectories,
  directoryDepthMax,
  directoryNameBytesMax,
  type Directories,
  type Directory,
  type DirectoryPath,
} from './directories.ts';
export type { KeySpace, SpaceEntry, SpaceOp } from './key-space.ts';
export { createClusterCarrier, type SeveralNodesOptions } from './several-nodes.ts';
export {
  createBufferedCounter,
  type BufferedCounter,
  type BufferedCounterOptions,
  type CountedUp,
} from './buffered-counter.ts';
