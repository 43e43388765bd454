// No bound of any contract can be crossed: whatever is wrong in one place is refused at the edge,
// by the name of the field, before a service hears of it.
import { fileURLToPath } from 'node:url';
import { isHansaError, serve, type AnyContract, type Edge } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { contractSources } from '../scripts/docs/contracts.ts';
import { walkInput, type Samples } from './crossing.ts';

const root = fileURLToPath(new URL('..', import.meta.url));
const sources = await contractSources(root);
const contracts = sources.flatMap((source) => source.contracts);
const key = '1'.repeat(64);
// One for every pattern that a contract has, the plainest first.
const plain = ['a', 'note/a', key, `${key}:note/a`, '1', '1.0.0', '/a', 'refs/heads/a'];
const digits = ['1'.repeat(32), '1'.repeat(40), '1'.repeat(128)];
const named = ['user:a', '127.0.0.1', 'a'.repeat(16)];
const samples: Samples = [...plain, ...digits, ...named, 'http://127.0.0.1:1'];

/** Fields that have to agree with each other, by method: what a schema says only in code. */
const rule = {
  effect: 'limit',
  verbs: ['pull'],
  direction: undefined,
  expiresMs: undefined,
  resources: {},
  limits: { residency: { a: ['a'] }, budget: { bytes: 2 ** 20, windowMs: 1_000 }, endsInMs: 1_000 },
};
const seeds: Readonly<Record<string, object>> = {
  'policies.add': rule,
  'directory.putUser': { email: 'a@b' },
  'logins.putProvider': { issuer: 'https://a.example', at: 'https://a.example' },
  'sealing.rewrap': { ageIdentityFile: undefined },
  'policies.plan': { add: { ...rule, peers: { cluster: key } } },
};

/** An edge before services that write down what reaches them. */
function edgeOf(contract: AnyContract, reached: string[]): Edge {
  const service = Object.fromEntries(
    Object.keys(contract.methods).map((method) => [
      method,
      () => {
        reached.push(method);
        return [];
      },
    ]),
  );
  return serve([{ contract, service }], {
    admit: () => undefined,
    authenticate: async () => ({ kind: 'owner' }),
    authorise: () => undefined,
    record: () => undefined,
  });
}

/** `INPUT_INVALID: …`, or what else came of it. */
async function run(
  edge: Edge,
  contract: AnyContract,
  asked: { readonly method: string; readonly input: unknown },
): Promise<string> {
  const credential = { source: 'a test' };
  const { signal } = new AbortController();
  const request = { contract: contract.name, ...asked, credential, signal };
  try {
    await (contract.methods[asked.method]?.watch === true
      ? edge.watch(request)[Symbol.asyncIterator]().next()
      : edge.call(request));
    return 'taken';
  } catch (error) {
    return isHansaError(error) ? `${error.code}: ${error.message}` : String(error);
  }
}

const counted = new Map<string, number>();

describe('every bound of every contract', () => {
  test.each(contracts.map((contract) => [contract.name, contract] as const))(
    'of %s is refused by the name of its field, and reaches no service',
    async (name, contract) => {
      const reached: string[] = [];
      const edge = edgeOf(contract, reached);
      const astray: string[] = [];
      let crossed = 0;
      for (const [method, promise] of Object.entries(contract.methods)) {
        const { valid, crossings } = walkInput(promise, samples, seeds[`${name}.${method}`]);
        const complaint = promise.input.safeParse(valid).error;
        if (complaint !== undefined) {
          astray.push(`${name}.${method} takes no ${JSON.stringify(valid)}: ${complaint.message}`);
        }
        for (const { field, how, input } of crossings) {
          crossed += 1;
          const said = await run(edge, contract, { method, input });
          if (reached.length > 0 || !said.startsWith('INPUT_INVALID') || !said.includes(field)) {
            astray.push(`${name}.${method} with ${field} ${how}: ${said.slice(0, 200)}`);
            reached.length = 0;
          }
        }
      }
      expect(astray).toEqual([]);
      counted.set(name, crossed);
      expect(crossed).toBeGreaterThan(0);
    },
  );
});

test('the walk is a long one', () => {
  const all = [...counted.values()].reduce((sum, crossed) => sum + crossed, 0);
  expect(all).toBeGreaterThan(1_500); // fewer would mean that it lost its way into the schemas
});
