// HTTP as a capability sees it: for the few routes a contract cannot say (git's smart protocol,
// uploads). The node authenticates before the handler runs; no handler reads a token.
import type { Call } from './contract.ts';

export interface HttpRequest {
  readonly method: string;
  /** Decoded path parameters; `*` is the rest of the path. */
  readonly params: Readonly<Record<string, string>>;
  readonly query: Readonly<Record<string, string>>;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array>;
  /** Whether it came over TLS: a browser is given another cookie then. */
  readonly secure?: boolean;
}

export interface HttpResponse {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: AsyncIterable<Uint8Array> | Uint8Array;
}

export interface HttpRoute {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** `/git/*` */
  readonly path: string;
  readonly permission: string;
  readonly summary: string;
  /**
   * What a request of it takes where its address tells more: which resource it is about, and that
   * it only reads. `permission` is the most that it may take.
   */
  readonly asked?: (request: Pick<HttpRequest, 'params' | 'query'>) => {
    readonly permission: string;
    readonly target?: string | undefined;
  };
  /** A browser may be sent here by another site: the way back from an identity provider. */
  readonly crossSite?: boolean;
  handle(
    request: HttpRequest,
    call: Call & { readonly signal: AbortSignal },
  ): Promise<HttpResponse>;
}
