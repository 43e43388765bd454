// The registry of services: which instances there are now, where they listen, and how they are.
// Who does not say that it is alive is gone after its time.
import {
  claimTtlSecondsDefault,
  claimTtlSecondsMin,
  holderSchema,
  lineNameSchema,
  type Call,
  type Contract,
} from '@hansa/foundation';
import { z } from 'zod';

export const instancesMax = 10_000; // of all services: counted when one is registered
export const tagsMax = 32; // of one instance: for choosing, not for content
export const tagLengthMax = 64; // a word or two
export const metadataMax = 32; // pairs of one instance
export const metadataKeyMax = 64; // a word, with a prefix of whose it is
export const metadataValueMax = 1_024; // a URL or a hash
export const addressLengthMax = 1_024; // a host, or a URL with a path
export const portMax = 65_535; // of TCP and UDP
export const versionLengthMax = 64; // 1.2.3-rc.1+build
export const weightMax = 1_000; // shares of one part in a thousand
export const registrationSecondsMax = 86_400; // who says so once a day is alive for a day
export const registrationSecondsDefault: number = claimTtlSecondsDefault; // see there
export const foundMax = 1_000; // instances of one answer

export const healths = ['passing', 'warning', 'critical'] as const;
export type Health = (typeof healths)[number];

export interface Instance {
  readonly service: string;
  readonly instance: string;
  /** Rises with every registration: an older one of the same instance counts no more. */
  readonly token: number;
  readonly address: string;
  readonly port?: number | undefined;
  readonly version: string;
  readonly tags: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
  /** How much of the work it is to get, beside the others. */
  readonly weight: number;
  readonly health: Health;
  readonly sinceMs: number;
  readonly ttlSeconds: number;
}

export interface Filter {
  /** Those that have all of them. */
  readonly tags?: readonly string[] | undefined;
  /** `1.2` finds 1.2 and 1.2.9. */
  readonly version?: string | undefined;
  /** Only these; absent: all but critical ones. */
  readonly health?: Health | 'any' | undefined;
  readonly limit?: number | undefined;
}

interface Registered {
  readonly service: string;
  readonly instance: string;
  readonly token: number;
}

export interface Services {
  register(
    input: {
      service: string;
      instance: string;
      address: string;
      port?: number | undefined;
      version?: string | undefined;
      tags?: readonly string[] | undefined;
      metadata?: Readonly<Record<string, string>> | undefined;
      weight?: number | undefined;
      health?: Health | undefined;
      ttlSeconds?: number | undefined;
    },
    call?: Call,
  ): Promise<Instance>;
  /** It is alive; and where that is told, how it is. */
  heartbeat(
    input: Registered & { health?: Health | undefined },
    call?: Call,
  ): Promise<{ readonly ttlSeconds: number }>;
  deregister(input: Registered, call?: Call): Promise<Registered>;
  discover(
    input: Filter & { service: string },
    call?: Call,
  ): Promise<{ readonly instances: readonly Instance[] }>;
  /** All that fit, now and after every change of them. */
  watch(
    input: Filter & { service: string },
    call?: Call,
  ): AsyncIterable<{ readonly instances: readonly Instance[] }>;
  list(
    input: Record<string, never>,
    call?: Call,
  ): Promise<{
    readonly services: readonly {
      readonly service: string;
      readonly instances: number;
      readonly passing: number;
    }[];
  }>;
}

const token = z.number().int().positive().max(Number.MAX_SAFE_INTEGER);
const natural = z.number().int().nonnegative();
const word = (most: number): z.ZodType<string> =>
  z
    .string()
    .min(1)
    .max(most)
    .regex(/^\P{C}*$/u, 'no control characters: it is printed on terminals');
const tags = z.array(word(tagLengthMax)).max(tagsMax);
const metadata = z
  .record(word(metadataKeyMax), z.string().max(metadataValueMax))
  .refine((pairs) => Object.keys(pairs).length <= metadataMax, `at most ${metadataMax} pairs`);
const health = z.enum(healths);
const seconds = z.number().int().min(claimTtlSecondsMin).max(registrationSecondsMax);
const port = z.number().int().positive().max(portMax);
const weight = z.number().int().positive().max(weightMax);
const registered = { service: lineNameSchema, instance: holderSchema, token };
export const instanceSchema: z.ZodType<Instance> = z.object({
  service: z.string(),
  instance: z.string(),
  token,
  address: z.string(),
  port: port.optional(),
  version: z.string(),
  tags: z.array(z.string()),
  metadata: z.record(z.string(), z.string()),
  weight,
  health,
  sinceMs: natural,
  ttlSeconds: natural,
});
const found = z.object({ instances: z.array(instanceSchema) });
const filtered = z.strictObject({
  service: lineNameSchema,
  tags: tags.optional(),
  version: word(versionLengthMax).optional(),
  health: z.enum([...healths, 'any']).optional(),
  limit: z.number().int().positive().max(foundMax).optional(),
});

export const registryContract: Contract<Services> = {
  name: 'registry',
  version: 1,
  methods: {
    register: {
      summary: 'Registers an instance of a service; an older registration of it counts no more.',
      permission: 'registry.write',
      route: 'POST /registry/register',
      input: z.strictObject({
        service: lineNameSchema,
        instance: holderSchema,
        address: word(addressLengthMax),
        port: port.optional(),
        version: word(versionLengthMax).optional(),
        tags: tags.optional(),
        metadata: metadata.optional(),
        weight: weight.optional(),
        health: health.optional(),
        ttlSeconds: seconds.optional(),
      }),
      about: ({ service }) => service,
      output: instanceSchema,
      errors: ['COORDINATION_FULL', 'CONFLICT'],
    },
    heartbeat: {
      summary: 'Says that an instance is alive, and how it is.',
      permission: 'registry.write',
      route: 'POST /registry/heartbeat',
      input: z.strictObject({ ...registered, health: health.optional() }),
      output: z.object({ ttlSeconds: natural }),
      errors: ['COORDINATION_LOST', 'CONFLICT'],
    },
    deregister: {
      summary: 'Takes an instance out of the registry.',
      permission: 'registry.write',
      route: 'POST /registry/deregister',
      input: z.strictObject(registered),
      output: z.object({ service: z.string(), instance: z.string(), token }),
      errors: ['COORDINATION_LOST'],
    },
    discover: {
      summary: 'Finds instances of a service.',
      permission: 'registry.read',
      route: 'GET /registry/discover',
      input: filtered,
      output: found,
      errors: [],
    },
    watch: {
      watch: true,
      summary: 'The instances of a service, now and after every change.',
      permission: 'registry.read',
      route: 'GET /registry/watch',
      input: filtered,
      output: found,
      errors: [],
    },
    list: {
      summary: 'Lists services that have instances.',
      permission: 'registry.read',
      route: 'GET /registry',
      input: z.strictObject({}),
      output: z.object({
        services: z.array(z.object({ service: z.string(), instances: natural, passing: natural })),
      }),
      errors: [],
    },
  },
};
