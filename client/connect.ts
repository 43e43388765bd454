// A contract in, typed calls out.
import { remote, type Contract } from '@hansa/foundation';
import { createHttpCarrier, type HttpCarrierOptions } from './http-carrier.ts';

/**
 * The service of the contract at a node, as if it were here; answers are checked against the
 * contract.
 */
export function connect<S extends object>(contract: Contract<S>, options: HttpCarrierOptions): S {
  return remote(contract, createHttpCarrier(options));
}
