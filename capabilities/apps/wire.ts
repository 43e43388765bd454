// What peers tell each other of apps, and how a call is passed on.
import {
  bytesSchema,
  clusterIdSchema,
  type Call,
  type ClusterId,
  type Contract,
} from '@hansa/foundation';
import { z } from 'zod';
import {
  announcedMax,
  appBodyBytesMax,
  contentTypeSchema,
  manifestFields,
  methodSchema,
  pathSchema,
  proxyHopsMax,
  type AppMethod,
  type Manifest,
} from './contract.ts';

export interface Announced extends Manifest {
  readonly cluster: ClusterId;
  /** Clusters between the teller and the app. */
  readonly distance: number;
}

export interface PassedCall {
  readonly app: string;
  readonly method: AppMethod;
  readonly path: string;
  readonly contentType?: string | undefined;
  readonly body: Uint8Array;
  /** Signed by the cluster that passes it on, for the cluster that it is passed to. */
  readonly token: string;
  /** The clusters that passed it on, the last one being who asks. */
  readonly hops: readonly ClusterId[];
}

export interface PassedAnswer {
  readonly status: number;
  readonly contentType?: string | undefined;
  readonly body: Uint8Array;
  readonly cluster: ClusterId;
  readonly hops: readonly ClusterId[];
}

export interface AppsPeer {
  list(
    input: Record<string, never>,
    call?: Call,
  ): Promise<{ readonly apps: readonly Announced[]; readonly proxy: boolean }>;
  /** A word at once, and whenever the list has changed; what it is, the list tells. */
  changes(
    input: Record<string, never>,
    call?: Call,
  ): AsyncIterable<{ readonly generation: number }>;
  call(input: PassedCall, call?: Call): Promise<PassedAnswer>;
}

const announced: z.ZodType<Announced> = z.object({
  ...manifestFields,
  cluster: clusterIdSchema,
  distance: z
    .number()
    .int()
    .nonnegative()
    .max(proxyHopsMax - 1),
});
const body = bytesSchema.refine((bytes) => bytes.length <= appBodyBytesMax, 'a body is too large');

export const appsPeerContract: Contract<AppsPeer> = {
  name: 'apps-peer',
  version: 2,
  traffic: 'state',
  methods: {
    list: {
      summary: 'The apps of the cluster, and those that it would pass calls on to.',
      permission: 'peer',
      input: z.object({}),
      output: z.object({ apps: z.array(announced).max(announcedMax), proxy: z.boolean() }),
      errors: [],
    },
    changes: {
      watch: true,
      summary: 'A word at once, and whenever the list has changed.',
      permission: 'peer',
      input: z.object({}),
      output: z.object({ generation: z.number() }),
      errors: [],
    },
    call: {
      summary: 'Passes on somebody’s call of an app.',
      permission: 'peer',
      input: z.object({
        app: manifestFields.id,
        method: methodSchema,
        path: pathSchema,
        contentType: contentTypeSchema.optional(),
        body,
        token: z.string().min(1).max(8_192),
        hops: z.array(clusterIdSchema).min(1).max(proxyHopsMax),
      }),
      output: z.object({
        status: z.number().int().min(100).max(599),
        contentType: contentTypeSchema.optional(),
        body,
        cluster: clusterIdSchema,
        hops: z.array(clusterIdSchema).max(proxyHopsMax),
      }),
      errors: [
        'APP_UNREACHABLE',
        'CAPABILITY_UNAVAILABLE',
        'PROXY_REFUSED',
        'TIMED_OUT',
        'TOKEN_EXPIRED',
        'TOKEN_FORGED',
        'TOKEN_ISSUER',
        'TOKEN_KEY_UNKNOWN',
        'TOKEN_NOT_YET',
        'TOKEN_REVOKED',
        'TOKEN_SCOPE',
        'TOKEN_WIDENED',
        'TOKEN_WRONG_AUDIENCE',
      ],
    },
  },
};
