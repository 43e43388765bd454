// What the gate asks of the audit before something is done, and what it tells it afterwards.
import type { AccessControl } from '@hansa/capabilities/access/contract';
import type { Act, AuditSink } from '@hansa/capabilities/audit/contract';
import { HansaError, silentLog, type AuditEntry, type Caller } from '@hansa/foundation';
import { createSystemClock } from '@hansa/system-node';
import { expect, test } from 'vitest';
import { createApiGate } from './gate.ts';

type Told = readonly [entry: AuditEntry, facts: Act['facts']];

function sinkOf(ready: (permission: string) => void): {
  readonly sink: AuditSink;
  readonly told: Told[];
} {
  const told: Told[] = [];
  return {
    told,
    sink: {
      request: async (entry, facts) => void told.push([entry, facts]),
      act: async () => undefined,
      requireReady: ({ permission }) => ready(permission),
    },
  };
}

const base = { token: 'secret', clock: createSystemClock(), log: silentLog };
const owner: Caller = { kind: 'owner' };

test('what must be audited is not let through while the audit takes nothing', () => {
  const { sink } = sinkOf((permission) => {
    if (permission === 'links.write') {
      throw new HansaError('AUDIT_UNAVAILABLE', 'nothing is changed now');
    }
  });
  const gate = createApiGate({ ...base, audit: sink });
  const unavailable = expect.objectContaining({ code: 'AUDIT_UNAVAILABLE' });
  expect(() => gate.authorise(owner, { permission: 'links.write' })).toThrow(unavailable);
  expect(() => gate.authorise(owner, { permission: 'links.read' })).not.toThrow();
});

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
