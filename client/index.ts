export { callTimeoutMs, createHttpCarrier, type HttpCarrierOptions } from './http-carrier.ts';
export { connect } from './connect.ts';
