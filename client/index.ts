export {
  callTimeoutMs,
  createHttpCarrier,
  type ClientTls,
  type HttpCarrierOptions,
} from './http-carrier.ts';
export { connect } from './connect.ts';
export { nodeIdentity } from './node-identity.ts';
