// What the gate tells the audit before something is done, and what afterwards.
import type { AccessControl } from '@hansa/capabilities/access/contract';
import type { Act, AuditSink } from '@hansa/capabilities/audit/contract';
import {
  HansaError,
  serve,
  silentLog,
  type AnyContract,
  type AuditEntry,
  type Caller,
} from '@hansa/foundation';
import { createSystemClock } from '@hansa/system-node';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { createApiGate } from './gate.ts';

type Told = readonly [entry: AuditEntry, facts: Act['facts']];

function sinkOf(begin: AuditSink['begin']): { readonly sink: AuditSink; readonly told: Told[] } {
  const told: Told[] = [];
  return {
    told,
    sink: {
      request: async (entry, facts) => void told.push([entry, facts]),
      act: async () => undefined,
      begin,
    },
  };
}

const base = { token: 'secret', clock: createSystemClock(), log: silentLog };
const owner: Caller = { kind: 'owner' };

test('what must be audited is not done while the audit takes nothing', async () => {
  const { sink, told } = sinkOf(({ permission }) => {
    if (permission === 'links.write') {
      throw new HansaError('AUDIT_UNAVAILABLE', 'nothing is changed now');
    }
    return permission === 'links.read' ? undefined : Promise.resolve('b1');
  });
  const gate = createApiGate({ ...base, audit: sink });
  const contract: AnyContract = {
    name: 'links',
    version: 1,
    methods: {
      cut: rowFor('links.write'),
      show: rowFor('links.read'),
      trust: rowFor('trust.write'),
    },
  };
  const done: string[] = [];
  const doing = (name: string) => async (): Promise<string> => {
    done.push(name);
    return name;
  };
  const service = { cut: doing('cut'), show: doing('show'), trust: doing('trust') };
  const edge = serve([{ contract, service }], gate);
  const call = (method: string): Promise<unknown> =>
    edge.call({
      contract: 'links',
      method,
      input: {},
      credential: { source: 'a', proven: owner },
      signal: new AbortController().signal,
    });
  await expect(call('cut')).rejects.toMatchObject({ code: 'AUDIT_UNAVAILABLE' });
  await call('show');
  await call('trust');
  expect(done).toEqual(['show', 'trust']);
  expect(told.map(([{ method, outcome, begun }]) => [method, outcome, begun])).toEqual([
    ['cut', 'AUDIT_UNAVAILABLE', undefined],
    ['show', 'OK', undefined],
    ['trust', 'OK', 'b1'],
  ]);
});

function rowFor(permission: `${string}.read` | `${string}.write`): AnyContract['methods'][string] {
  return { summary: '', permission, input: z.unknown(), output: z.unknown(), errors: [] };
}

test('whoever may not is told so, whatever state the audit is in', () => {
  const { sink } = sinkOf(() => {
    throw new HansaError('AUDIT_UNAVAILABLE', 'nothing is changed now');
  });
  const gate = createApiGate({ ...base, audit: sink });
  const peer: Caller = { kind: 'cluster', cluster: 'c' as never, node: 'n' as never };
  const forbidden = expect.objectContaining({ code: 'FORBIDDEN' });
  expect(() => gate.authorise(peer, { permission: 'links.write' })).toThrow(forbidden);
});

test('a refusal is told with the policies that decided it, anything else without', async () => {
  const { sink, told } = sinkOf(() => undefined);
  const decision = { allowed: false, reason: 'no', policies: ['role:viewer', 'p7'], roles: [] };
  const access = { authorise: () => undefined, decide: () => decision } as unknown as AccessControl;
  const gate = createApiGate({ ...base, audit: sink, access });
  const entry: AuditEntry = {
    contract: 'links',
    method: 'invite',
    permission: 'links.write',
    asked: { permission: 'links.write' },
    caller: owner,
    source: 'a',
    outcome: 'FORBIDDEN',
  };
  await gate.record(entry);
  await gate.record({ ...entry, outcome: 'OK' });
  expect(told).toEqual([
    [entry, { policies: 'role:viewer p7' }],
    [{ ...entry, outcome: 'OK' }, undefined],
  ]);
});
