// Which apps run where, and a way to reach them: here, or where a token lets the caller in.
import {
  clusterIdSchema,
  errorReportSchema,
  nameLengthMax,
  type Call,
  type ClusterId,
  type Contract,
  type ErrorReport,
} from '@hansa/foundation';
import { z } from 'zod';

export const appsMax = 32; // of one cluster: a list that a person reads
export const appCapabilitiesMax = 16; // of one app
export const appCapabilityLengthMax = 64; // a word, not a description
export const appIdLengthMax = 64; // fits a label of DNS, nearly
export const appVersionLengthMax = 128; // the longest semantic version anybody publishes
export const endpointLengthMax = 512; // a loopback address with a path
export const pathLengthMax = 2_048; // as long as paths are that anybody types
// of a request and of an answer; as text in JSON it stays below the API's own bound
export const appBodyBytesMax: number = 512 * 1_024;
export const appBodyCharsMax = 700_000; // the same in base64url
export const appCallMs = 15_000; // one target; a person waits no longer for one of three
export const proxyTargetsMax = 3; // clusters that are tried for one call
// clusters that a call passes; with more, nobody would find out who failed
export const proxyHopsMax = 3;
export const proxyTokenMs = 900_000; // how long a token may live that is passed on
export const proxyFact = 'proxy'; // its holder agrees that clusters on the way pass it on
export const hintsMax = 8; // clusters that are named where an app is not here
export const announcedMax = 256; // apps of one announcement: own ones, and some from behind

/** What an app says of itself. */
export interface Manifest {
  /** Lower-case words joined by hyphens. */
  readonly id: string;
  /** Semantic: `1.4.0`, `2.0.0-rc.1+build.5`. */
  readonly version: string;
  readonly name: string;
  /** What it can do, as words that others look for. */
  readonly capabilities: readonly string[];
}

export interface Registration extends Manifest {
  /** Where it answers on this machine: `http://127.0.0.1:8080/base`. */
  readonly endpoint?: string | undefined;
  /** Not told to peers, and not reached by them. */
  readonly private?: boolean | undefined;
}

/** An app and where it is. */
export interface App extends Manifest {
  readonly cluster: ClusterId;
  /** Our name for it. */
  readonly clusterName?: string | undefined;
  /** Clusters between here and there; undefined where it is here. */
  readonly distance?: number | undefined;
  /** The linked cluster that told of it. */
  readonly via?: ClusterId | undefined;
  /** Only of our own. */
  readonly endpoint?: string | undefined;
  readonly private?: boolean | undefined;
}

export type Encoding = 'utf8' | 'base64url';

export interface AppCall {
  readonly id: string;
  readonly method?: AppMethod | undefined;
  /** With its query; begins with "/". */
  readonly path: string;
  readonly contentType?: string | undefined;
  readonly body?: string | undefined;
  readonly encoding?: Encoding | undefined;
  /** The caller's own, bound to this cluster; for an app that is elsewhere. */
  readonly token?: string | undefined;
  /** Instead: the id of a token that was given to this cluster. */
  readonly received?: string | undefined;
}

export type AppMethod = 'GET' | 'POST' | 'PUT' | 'DELETE';

export interface AppAnswer {
  readonly status: number;
  readonly contentType?: string | undefined;
  readonly body: string;
  readonly encoding: Encoding;
  /** The cluster whose app answered. */
  readonly cluster: ClusterId;
  /** The clusters that passed the call on, in order. */
  readonly hops: readonly ClusterId[];
}

/** Which apps run where. */
export interface Apps {
  /** The same id again replaces what was registered. */
  register(input: Registration, call?: Call): Promise<App>;
  remove(input: { id: string }, call?: Call): Promise<{ id: string }>;
  /** Of one peer, or of this cluster and all that peers tell of. */
  list(
    input: { peer?: string | undefined },
    call?: Call,
  ): Promise<{ apps: readonly App[]; unheard: readonly Unheard[] }>;
  find(input: { capability: string }, call?: Call): Promise<{ apps: readonly App[] }>;
  call(input: AppCall, call?: Call): Promise<AppAnswer>;
}

/** A peer that did not tell of its apps when it was last asked. */
export interface Unheard {
  readonly peer: string;
  readonly problem: ErrorReport;
}

const idPattern = /^[a-z][a-z0-9]*(?:-[a-z0-9]+)*$/;
const versionNumbers = String.raw`(?:(?:0|[1-9]\d*)\.){2}(?:0|[1-9]\d*)`;
const versionWords = String.raw`[\dA-Za-z-]+(?:\.[\dA-Za-z-]+)*`;
const versionPattern = new RegExp(
  String.raw`^${versionNumbers}(?:-${versionWords})?(?:\+${versionWords})?$`,
);
const printable = /^\P{C}+$/u;
const id = z
  .string()
  .max(appIdLengthMax)
  .regex(idPattern, 'an app id is lower-case words joined by hyphens');
const capability = z
  .string()
  .min(1)
  .max(appCapabilityLengthMax)
  .regex(/^[A-Za-z0-9_][A-Za-z0-9_.:/-]*$/, 'a capability is one word');

export const manifestFields: {
  readonly id: z.ZodType<string>;
  readonly version: z.ZodType<string>;
  readonly name: z.ZodType<string>;
  readonly capabilities: z.ZodType<string[]>;
} = {
  id,
  version: z
    .string()
    .max(appVersionLengthMax)
    .regex(versionPattern, 'a version is semantic: 1.4.0'),
  name: z
    .string()
    .max(nameLengthMax)
    .regex(printable, 'a name has letters, and no control characters'),
  capabilities: z.array(capability).max(appCapabilitiesMax),
};
export const endpointSchema: z.ZodType<string> = z
  .string()
  .max(endpointLengthMax)
  .regex(
    /^http:\/\/(?:127\.0\.0\.1|localhost|\[::1\]):[1-9]\d{0,4}(?:\/[A-Za-z0-9_.~/-]*)?$/,
    'an endpoint is on this machine: http://127.0.0.1:8080/base',
  )
  .refine((text) => !/\/\.{1,2}(?:\/|$)/.test(text), 'an endpoint’s path has no "." and no ".."')
  .refine((text) => Number(/:(\d+)(?:\/|$)/.exec(text)?.[1]) <= 65_535, 'there is no such port');
/** Nothing in it may lead out of the endpoint’s own path, however it is spelled. */
export const pathSchema: z.ZodType<string> = z
  .string()
  .max(pathLengthMax)
  .regex(/^\/[!$&-;=?-Z_a-z~%@]*$/, 'a path begins with "/" and has no spaces, quotes or fragments')
  .refine(
    (path) =>
      !/\/(?:\.|%2e){1,2}(?:[/?]|$)|\/\/|\\|%2f|%5c|%0[0ad]/i.test(path.split('?')[0] ?? ''),
    'a path has no ".", "..", "//" or escaped slash',
  );
export const methodSchema: z.ZodType<AppMethod> = z.enum(['GET', 'POST', 'PUT', 'DELETE']);
export const contentTypeSchema: z.ZodType<string> = z
  .string()
  .max(256)
  .regex(/^[\x20-\x7e]+$/, 'a content type is ASCII');
const encoding = z.enum(['utf8', 'base64url']);
const app: z.ZodType<App> = z.object({
  ...manifestFields,
  cluster: clusterIdSchema,
  clusterName: z.string().optional(),
  distance: z.number().optional(),
  via: clusterIdSchema.optional(),
  endpoint: z.string().optional(),
  private: z.boolean().optional(),
});

export const appsContract: Contract<Apps> = {
  name: 'apps',
  version: 2,
  methods: {
    register: {
      summary: 'Registers an app of this cluster; the same id again replaces it.',
      permission: 'apps.write',
      route: 'POST /apps',
      input: z.strictObject({
        ...manifestFields,
        endpoint: endpointSchema.optional(),
        private: z.boolean().optional(),
      }),
      output: app,
      errors: ['APPS_FULL'],
    },
    remove: {
      summary: 'Removes an app of this cluster.',
      permission: 'apps.write',
      route: 'DELETE /apps/:id',
      input: z.strictObject({ id }),
      output: z.object({ id }),
      errors: ['APP_NOT_FOUND'],
    },
    list: {
      summary: 'Lists the apps of this cluster and those that its peers tell of.',
      permission: 'apps.read',
      route: 'GET /apps',
      input: z.strictObject({ peer: z.string().min(1).max(nameLengthMax).optional() }),
      output: z.object({
        apps: z.array(app),
        unheard: z.array(z.object({ peer: z.string(), problem: errorReportSchema })),
      }),
      errors: ['LINK_NOT_FOUND'],
    },
    find: {
      summary: 'Finds the apps that have a capability, the nearest first.',
      permission: 'apps.read',
      route: 'GET /apps/find',
      input: z.strictObject({ capability }),
      output: z.object({ apps: z.array(app) }),
      errors: [],
    },
    call: {
      summary: 'Calls an app here, or elsewhere with a token of the caller’s.',
      permission: 'apps.write',
      route: 'POST /apps/:id/call',
      input: z.strictObject({
        id,
        method: methodSchema.optional(),
        path: pathSchema,
        contentType: contentTypeSchema.optional(),
        body: z.string().max(appBodyCharsMax).optional(),
        encoding: encoding.optional(),
        token: z.string().min(1).max(8_192).optional(),
        received: z.string().min(1).max(64).optional(),
      }),
      output: z.object({
        status: z.number(),
        contentType: z.string().optional(),
        body: z.string(),
        encoding,
        cluster: clusterIdSchema,
        hops: z.array(clusterIdSchema),
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
        'TOKEN_NOT_FOUND',
        'TOKEN_REVOKED',
        'TOKEN_SCOPE',
        'TOKEN_WIDENED',
        'TOKEN_WRONG_AUDIENCE',
      ],
    },
  },
};
