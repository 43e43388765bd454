// A small library behind a real HTTP road: what the road's tests talk to, and a client that shows
// every byte of the answer.
import { request, type Agent, type IncomingHttpHeaders } from 'node:http';
import {
  HansaError,
  serve,
  silentLog,
  type Call,
  type Contract,
  type HttpRoute,
} from '@hansa/foundation';
import { createSystemClock } from '@hansa/system-node';
import { onTestFinished } from 'vitest';
import { z } from 'zod';
import { createApiGate } from './gate.ts';
import { openHttp, type HttpNeeds, type HttpRoad } from './http.ts';

export interface Book {
  readonly title: string;
  readonly pages: number;
}
export interface Shelves {
  find(input: Find, call?: Call): Promise<{ echo: Find }>;
  put(input: Book, call?: Call): Promise<Book>;
  burn(input: { title: string }, call?: Call): Promise<undefined>;
  readings(input: { count: number }, call?: Call): AsyncIterable<{ page: number; text: string }>;
}
export interface Find {
  readonly limit?: number | undefined;
  readonly all?: boolean | undefined;
  readonly words?: readonly string[] | undefined;
  readonly near?: { readonly shelf: number } | undefined;
  readonly title?: string | null | undefined;
}

const find: z.ZodType<Find> = z.strictObject({
  limit: z.number().int().optional(),
  all: z.boolean().optional(),
  words: z.array(z.string()).optional(),
  near: z.object({ shelf: z.number() }).optional(),
  title: z.string().nullable().optional(),
});
const book: z.ZodType<Book> = z.strictObject({ title: z.string(), pages: z.number().int() });

export const shelvesContract: Contract<Shelves> = {
  name: 'shelves',
  version: 1,
  methods: {
    find: {
      summary: 'Finds books.',
      permission: 'shelves.read',
      route: 'GET /books',
      input: find,
      output: z.object({ echo: find }),
      errors: ['RESOURCE_NOT_FOUND'],
    },
    put: {
      summary: 'Puts a book on the shelf.',
      permission: 'shelves.write',
      route: 'PUT /books/:title',
      input: book,
      output: book,
      errors: ['RESOURCE_EXISTS'],
    },
    burn: {
      summary: 'Removes a book for ever.',
      permission: 'shelves.write',
      route: 'DELETE /books/:title',
      input: z.strictObject({ title: z.string() }),
      output: z.undefined(),
      errors: ['RESOURCE_NOT_FOUND'],
    },
    readings: {
      watch: true,
      summary: 'Reads aloud.',
      permission: 'shelves.read',
      route: 'GET /readings/:count',
      input: z.strictObject({ count: z.number().int() }),
      output: z.object({ page: z.number(), text: z.string() }),
      errors: [],
    },
  },
};

export const shelves: Shelves = {
  find: async (echo) => ({ echo }),
  put: async (input) => input,
  async burn({ title }) {
    if (title !== 'Faust/I') {
      throw new HansaError('RESOURCE_NOT_FOUND', `no book "${title}"`, { facts: { title } });
    }
    return undefined;
  },
  async *readings({ count }) {
    for (let page = 0; page < count; page += 1) {
      yield { page, text: 'la' };
    }
  },
};

export const token = 'an-owner-token';

export async function openShelves(
  parts: {
    service?: Partial<Shelves>;
    routes?: readonly HttpRoute[];
    needs?: Partial<HttpNeeds>;
  } = {},
): Promise<HttpRoad> {
  const clock = createSystemClock();
  const routes = parts.routes ?? [];
  const gate = parts.needs?.gate ?? createApiGate({ token, clock, log: silentLog });
  const edge = serve(
    [{ contract: shelvesContract, service: { ...shelves, ...parts.service } }],
    gate,
  );
  const listen = { host: '127.0.0.1', port: 0 };
  const road = await openHttp({
    edge,
    gate,
    routes,
    clock,
    listen,
    log: silentLog,
    version: '9.9.9',
    ...parts.needs,
  });
  onTestFinished(() => road.close());
  return road;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  readonly json: unknown;
  /** False where the socket was used by an earlier request. */
  readonly freshSocket: boolean;
}

export interface Asked {
  readonly method?: string;
  readonly headers?: Record<string, string>;
  readonly body?: string | Uint8Array;
  readonly agent?: Agent;
  readonly anonymous?: boolean;
  readonly socketPath?: string;
}

/** One request with the owner's token, the answer read to its end. */
export function ask(road: HttpRoad, path: string, asked: Asked = {}): Promise<Answer> {
  const { method = 'GET', body, agent, anonymous = false, socketPath } = asked;
  const headers = {
    ...(anonymous ? {} : { authorization: `Bearer ${token}` }),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
    ...asked.headers,
  };
  const target = socketPath === undefined ? road.address : { socketPath, host: 'localhost' };
  return new Promise((resolve, reject) => {
    const sent = request(
      { ...target, path, method, headers, ...(agent && { agent }) },
      (response) => {
        const parts: Buffer[] = [];
        response.on('data', (part: Buffer) => parts.push(part));
        response.once('error', reject);
        response.once('end', () => {
          const text = Buffer.concat(parts).toString();
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text,
            get json() {
              return JSON.parse(text);
            },
            freshSocket: !sent.reusedSocket,
          });
        });
      },
    );
    sent.once('error', reject);
    sent.end(body);
  });
}
