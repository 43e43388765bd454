// One member of etcd: a connection, and single calls over it, each with a deadline of its own.
import {
  Client,
  connectivityState,
  Metadata,
  type ChannelCredentials,
  type ChannelOptions,
  type ClientDuplexStream,
  type ServiceError,
} from '@grpc/grpc-js';
import { CallFailure } from './failures.ts';
import { status } from './grpc-status.ts';
import type { Method } from './methods.ts';

// etcd ends a connection that pings more often than every 5 s.
const pingEveryMs = 6_000;
const pingTimeoutMs = 2_000; // two elections; a member that hangs is left then
const reconnectFirstMs = 50; // a member that restarts is back in a moment
const reconnectMaxMs = 1_000; // a member that restarts is there within seconds
const answerBytesMax: number = 64 * 1_024 * 1_024; // a page of a scan is asked for again in parts

const channelOptions: ChannelOptions = {
  'grpc.keepalive_time_ms': pingEveryMs,
  'grpc.keepalive_timeout_ms': pingTimeoutMs,
  'grpc.initial_reconnect_backoff_ms': reconnectFirstMs,
  'grpc.max_reconnect_backoff_ms': reconnectMaxMs,
  'grpc.max_receive_message_length': answerBytesMax,
  'grpc.max_send_message_length': -1, // transactions have a limit of their own
  'grpc.enable_http_proxy': 0,
  'grpc.enable_retries': 0, // what is sent twice is decided here
  'grpc.service_config_disable_resolution': 1,
  'grpc.use_local_subchannel_pool': 1,
};

export interface CallOptions {
  readonly timeoutMs: number;
  readonly token?: string | undefined;
}

export type Duplex<Q, A> = ClientDuplexStream<Q, A>;

export class Member {
  readonly endpoint: string;
  readonly #client: Client;
  readonly #suspected = new Set<() => void>();

  constructor(endpoint: string, credentials: ChannelCredentials) {
    this.endpoint = endpoint;
    this.#client = new Client(endpoint, credentials, channelOptions);
  }

  /** Rejects with a CallFailure. */
  call<Q, A>(method: Method<Q, A>, request: Q, options: CallOptions): Promise<A> {
    const wasReady = this.#isReady();
    return new Promise((resolve, reject) => {
      this.#client.makeUnaryRequest(
        method.path,
        (question: Q) => bufferOf(method.request.encode(question)),
        (answer: Buffer) => method.answer.decode(answer),
        request,
        metadataOf(options.token),
        { deadline: Date.now() + options.timeoutMs },
        (error: ServiceError | null, answer?: A) => {
          if (error !== null) {
            reject(this.#failure(error, wasReady));
          } else if (answer === undefined) {
            reject(new CallFailure(status.INTERNAL, 'an answer without a message', true));
          } else {
            resolve(answer);
          }
        },
      );
    });
  }

  /** A stream of both sides; without a timeout it lasts until one side ends it. */
  stream<Q, A>(
    method: Method<Q, A>,
    options: { readonly timeoutMs?: number; readonly token?: string | undefined },
  ): Duplex<Q, A> {
    const { timeoutMs } = options;
    return this.#client.makeBidiStreamRequest(
      method.path,
      (question: Q) => bufferOf(method.request.encode(question)),
      (answer: Buffer) => method.answer.decode(answer),
      metadataOf(options.token),
      timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs },
    );
  }

  /** Called where the member let a call run out of time: it may hang, and streams with it. */
  onSuspected(listener: () => void): () => void {
    this.#suspected.add(listener);
    return () => this.#suspected.delete(listener);
  }

  suspect(): void {
    for (const listener of this.#suspected) {
      listener();
    }
  }

  close(): void {
    this.#client.close();
  }

  #isReady(): boolean {
    // The question also wakes a connection that has gone idle.
    return this.#client.getChannel().getConnectivityState(true) === connectivityState.READY;
  }

  #failure({ code, details }: ServiceError, wasReady: boolean): CallFailure {
    const neverConnected =
      details.startsWith('No connection established') || details.startsWith('Name resolution');
    // A call that waits for a connection until its time is over has not left this process.
    const onlyWaited = code === status.DEADLINE_EXCEEDED && !wasReady && !this.#isReady();
    return new CallFailure(code, details, !neverConnected && !onlyWaited);
  }
}

function bufferOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function metadataOf(token: string | undefined): Metadata {
  const metadata = new Metadata();
  // A member that has lost its leader says so instead of being silent.
  metadata.set('hasleader', 'true');
  if (token !== undefined) {
    metadata.set('token', token);
  }
  return metadata;
}
