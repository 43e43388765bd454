// An app's own listener on this machine, as the node reaches it: a driver's work.
import type { AppMethod } from './contract.ts';

export interface AppRequest {
  readonly method: AppMethod;
  readonly path: string;
  readonly contentType?: string | undefined;
  readonly body: Uint8Array;
}

export interface AppResponse {
  readonly status: number;
  readonly contentType?: string | undefined;
  readonly body: Uint8Array;
}

export interface AppEndpoints {
  /**
   * One request to an address on this machine and no other; what it redirects to is not followed.
   * APP_UNREACHABLE where nobody answers, OUTPUT_INVALID where the answer is over its bound;
   * `caller` is who asks, for the app to see.
   */
  call(
    endpoint: string,
    request: AppRequest & { readonly caller: string },
    signal: AbortSignal,
  ): Promise<AppResponse>;
}
