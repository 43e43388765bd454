// X1: what being asked who you are costs. A federated token validated and its principal's roles
// decided on, beside jose verifying the same text and nothing more; and all that the edge adds to a
// request, from the credential to the audit.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { directoryContract } from '@hansa/capabilities/directory/contract';
import { kvContract } from '@hansa/capabilities/kv/contract';
import { tokensContract } from '@hansa/capabilities/tokens/contract';
import { HansaError, serve, silentLog, type Edge, type Gate } from '@hansa/foundation';
import { createApiGate } from '@hansa/node';
import { importJWK, jwtVerify } from 'jose';
import {
  brief,
  compare,
  type Benchmark,
  type BenchmarkResult,
} from '../scripts/bench/benchmark.ts';
import { quantile } from './data-rig.ts';
import { startMeasured, type MeasuredNode } from './measured-node.ts';

const validationsPerRound = 2_000;
const requestsPerRound = 5_000;
const people = 50; // of whom one asks: a directory as a team has it
const unlimited = 1_000_000_000;

export const benchmark: Benchmark = {
  id: 'X1',
  title:
    'A federated token is validated and its principal decided on, beside the bare signature; the ' +
    'edge adds less than 0.3 ms (p99) to a request.',
  async run({ rounds }): Promise<BenchmarkResult> {
    const data = mkdtempSync(join(tmpdir(), 'hansa-x1-'));
    const node = await startMeasured({ data, name: 'lubeck' });
    try {
      const token = await tokenOfAnna(node);
      const { keys } = await node.ask(tokensContract).keys({});
      const [jwk] = keys;
      const key = await importJWK({ ...jwk }, 'EdDSA');
      const gate = gateOf(node);
      const edge = edgeBehind(gate);
      const adds: number[] = [];
      const compared = await compare({
        rounds,
        better: 'higher',
        async ours() {
          adds.push(...(await addedMs(edge, token)));
          return perSecond(() => admitted(gate, token));
        },
        peer: () => perSecond(() => jwtVerify(token, key, { algorithms: ['EdDSA'] })),
      });
      return {
        ...compared,
        unit: 'validations/s',
        peerName: 'jose 6.2.17, jwtVerify of the same token: one Ed25519 signature, no roles',
        notes: [
          ...compared.notes,
          `the edge adds p50 ${brief(quantile(adds, 0.5))} ms, ` +
            `p99 ${brief(quantile(adds, 0.99))} ms to a request (goal: p99 < 0.3 ms): limit, ` +
            `token, schema, roles, audit; ${adds.length} requests with a token, in process`,
          `${people} users, built-in roles and Cedar policies of them; decisions are kept until ` +
            'something changes',
        ],
      };
    } finally {
      await node.end();
      rmSync(data, { recursive: true, force: true });
    }
  },
};

async function tokenOfAnna(node: MeasuredNode): Promise<string> {
  const directory = node.ask(directoryContract);
  for (let at = 0; at < people; at += 1) {
    await directory.putUser({ user: at === 0 ? 'anna' : `user-${at}` });
  }
  await directory.assign({ role: 'editor', to: 'anna' });
  const { token } = await node.ask(tokensContract).issue({
    for: 'anna',
    caps: ['api:kv.*'],
  });
  return token;
}

function gateOf({ tokens, access, audit, clock }: MeasuredNode): Gate {
  return createApiGate({
    token: 'nobody has this one',
    clock,
    log: silentLog,
    tokens,
    access,
    audit,
    contracts: [kvContract],
    limits: {
      requestsPerSecond: unlimited,
      requestsBurst: unlimited,
      callerRequestsPerSecond: unlimited,
      callerRequestsBurst: unlimited,
      failuresPerMinute: unlimited,
      sourcesMax: 16,
    },
  });
}

async function admitted(gate: Gate, token: string): Promise<void> {
  const caller = await gate.authenticate({ token, source: 'benchmark' });
  gate.authorise(caller, { permission: 'kv.read', target: 'kv/prices' });
}

/** A space that answers at once: what is left is the edge. */
function edgeBehind(gate: Gate): Edge {
  const refuse = (): never => {
    throw new HansaError('INTERNAL', 'a benchmark reads alone');
  };
  const service = Object.fromEntries(
    Object.keys(kvContract.methods).map((method) => [method, refuse as unknown]),
  );
  const entry = { key: 'a', value: '1', encoding: 'text', version: 1, writtenMs: 0 };
  const found = { ...entry, writtenBy: 'a'.repeat(64), revision: 1 };
  return serve([{ contract: kvContract, service: { ...service, get: async () => found } }], gate);
}

async function addedMs(edge: Edge, token: string): Promise<readonly number[]> {
  const took: number[] = [];
  const { signal } = new AbortController();
  for (let at = 0; at < requestsPerRound; at += 1) {
    const startedMs = performance.now();
    await edge.call({
      contract: kvContract.name,
      method: 'get',
      input: { space: 'prices', key: 'a' },
      credential: { token, source: 'benchmark' },
      signal,
    });
    took.push(performance.now() - startedMs);
  }
  return took;
}

async function perSecond(act: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now();
  for (let at = 0; at < validationsPerRound; at += 1) {
    await act();
  }
  return (validationsPerRound * 1_000) / (performance.now() - startedMs);
}
