import { expect, test } from 'vitest';
import { z } from 'zod';
import {
  HansaError,
  nameLengthMax,
  near,
  remote,
  serve,
  type AuditEntry,
  type Call,
  type Caller,
  type Contract,
  type Credential,
  type Gate,
} from './index.ts';

interface Pigeons {
  send(input: { to: string; words?: number | undefined }, call?: Call): Promise<{ flight: string }>;
  forget(input: Record<string, never>, call?: Call): Promise<undefined>;
  arrivals(input: { from: string }, call?: Call): AsyncIterable<{ flight: string }>;
}
type Flight = { flight: string };
const flight = z.object({ flight: z.string() });
const contract: Contract<Pigeons> = {
  name: 'pigeons',
  version: 1,
  methods: {
    send: {
      summary: 'Sends a pigeon.',
      permission: 'pigeons.write',
      input: z.object({ to: z.string().max(8), words: z.number().optional() }),
      output: flight,
      errors: ['CONFLICT'],
    },
    forget: {
      summary: 'Forgets everything.',
      permission: 'pigeons.write',
      input: z.object({}),
      output: z.undefined(),
      errors: [],
    },
    arrivals: {
      watch: true,
      summary: 'Every arrival.',
      permission: 'pigeons.read',
      input: z.object({ from: z.string() }),
      output: flight,
      errors: [],
    },
  },
};
const owner: Caller = { kind: 'owner' };
const me: Credential = { proven: owner, source: 'test' };

function build(service: Partial<Pigeons>, gate: Partial<Gate> = {}) {
  const audit: AuditEntry[] = [];
  const steps: string[] = [];
  const whole: Pigeons = {
    send: async () => ({ flight: 'f1' }),
    forget: async () => undefined,
    arrivals: async function* () {},
    ...service,
  };
  const edge = serve([{ contract, service: whole }], {
    admit: () => void steps.push('limit'),
    authenticate: async (credential) => {
      steps.push('authenticate');
      return credential.proven ?? { kind: 'anonymous' };
    },
    authorise: (_, { permission }) => void steps.push(`authorise ${permission}`),
    record: (entry) => {
      steps.push('audit');
      audit.push(entry);
    },
    ...gate,
  });
  const carrier = near(edge, me);
  return { edge, carrier, audit, steps, pigeons: remote(contract, carrier) };
}

const code = (wanted: string) => expect.objectContaining({ code: wanted });

test('a request passes limit, authentication, validation, permission, service and audit in this order', async () => {
  const { pigeons, steps, audit } = build({
    send: async (_input, call) => {
      steps.push(`call by ${call?.caller?.kind}`);
      return { flight: 'f1' };
    },
  });
  await expect(pigeons.send({ to: 'ada' })).resolves.toEqual({ flight: 'f1' });
  const passed = ['limit', 'authenticate', 'authorise pigeons.write', 'call by owner', 'audit'];
  expect(steps).toEqual(passed);
  expect(audit).toEqual([
    {
      contract: 'pigeons',
      method: 'send',
      permission: 'pigeons.write',
      asked: { permission: 'pigeons.write' },
      caller: owner,
      source: 'test',
      outcome: 'OK',
    },
  ]);
});

test('whom an act is about is told to the audit alone, cut to two names, and before the resource it is at', async () => {
  const audit: AuditEntry[] = [];
  const asked: unknown[] = [];
  const { methods } = contract;
  const forget = { ...methods.forget, about: () => undefined };
  const arrivals = {
    ...methods.arrivals,
    target: ({ from }: { from: string }) => `roof/${from}`,
    about: () => 'user:ben at the roof',
  };
  const send = {
    ...methods.send,
    input: z.object({ to: z.string(), words: z.number().optional() }),
    about: ({ to }: { to: string }) => `user:${to}`,
  };
  const telling: Contract<Pigeons> = { ...contract, methods: { send, forget, arrivals } };
  const service = { send: async () => ({ flight: 'f1' }), forget() {}, async *arrivals() {} };
  const edge = serve([{ contract: telling, service }], {
    admit: () => undefined,
    authenticate: async () => owner,
    authorise: (_, what) => void asked.push(what),
    record: (entry) => void audit.push(entry),
  });
  const pigeons = remote(telling, near(edge, me));
  await pigeons.send({ to: 'ben' });
  await pigeons.send({ to: 'b'.repeat(1_000) });
  await pigeons.forget({});
  await pigeons.arrivals({ from: 'east' })[Symbol.asyncIterator]().next();
  const wrong = pigeons.send({ to: 7 as unknown as string });
  await expect(wrong).rejects.toEqual(code('INPUT_INVALID'));
  const long = `user:${'b'.repeat(1_000)}`.slice(0, 2 * nameLengthMax);
  const targets = ['user:ben', long, undefined, 'user:ben at the roof', undefined];
  expect(audit.map(({ target }) => target)).toEqual(targets);
  expect(asked).toEqual([
    { permission: 'pigeons.write' },
    { permission: 'pigeons.write' },
    { permission: 'pigeons.write' },
    { permission: 'pigeons.read', target: 'roof/east' },
  ]);
  expect(audit.slice(0, 4).map((entry) => entry.asked)).toEqual(asked);
});

test('a wrong input never reaches permission or service, and the sentence names every wrong field', async () => {
  const { carrier, steps, audit } = build({});
  const call = carrier.call(contract, 'send', { to: 'far too long', words: 'three' }, {});
  await expect(call).rejects.toMatchObject({
    code: 'INPUT_INVALID',
    message: expect.stringMatching(
      /^pigeons\.send: to must have at most .*; words must be a number$/,
    ),
  });
  expect(steps).toEqual(['limit', 'authenticate', 'audit']);
  expect(audit[0]?.outcome).toBe('INPUT_INVALID');
});

test('an unknown contract, an unknown method and an inherited name are METHOD_UNKNOWN', async () => {
  const { carrier } = build({});
  const strange = { ...contract, name: 'crows' };
  await expect(carrier.call(strange, 'send', {}, {})).rejects.toEqual(code('METHOD_UNKNOWN'));
  for (const name of ['fly', 'constructor', '__proto__', 'arrivals']) {
    await expect(carrier.call(contract, name, {}, {})).rejects.toEqual(code('METHOD_UNKNOWN'));
  }
});

test('unknown output fields are stripped, and a wrong output is OUTPUT_INVALID', async () => {
  const { carrier } = build({
    send: async ({ to }) =>
      (to === 'ada' ? { flight: 'f1', secret: 'x' } : { flight: 7 }) as unknown as Flight,
  });
  await expect(carrier.call(contract, 'send', { to: 'ada' }, {})).resolves.toEqual({
    flight: 'f1',
  });
  await expect(carrier.call(contract, 'send', { to: 'bob' }, {})).rejects.toEqual(
    code('OUTPUT_INVALID'),
  );
});

test('an undeclared error becomes INTERNAL; its text goes to the audit and nowhere else', async () => {
  const fault = new Error('password is hunter2');
  const { pigeons, audit } = build({ send: () => Promise.reject(fault) });
  const seen: unknown = await pigeons.send({ to: 'ada' }).catch((error: unknown) => error);
  expect(seen).toMatchObject({ code: 'INTERNAL' });
  expect(`${String(seen)} ${String((seen as Error).cause)}`).not.toContain('hunter2');
  expect(audit).toMatchObject([{ outcome: 'INTERNAL', fault }]);
});

test('refusals of the gate keep their code, and only an admitted request is audited', async () => {
  const refuse = (word: 'RATE_LIMITED' | 'UNAUTHENTICATED' | 'FORBIDDEN') => () => {
    throw new HansaError(word, 'no');
  };
  const limited = build({}, { admit: refuse('RATE_LIMITED') });
  await expect(limited.pigeons.send({ to: 'a' })).rejects.toEqual(code('RATE_LIMITED'));
  expect(limited.audit).toEqual([]);
  const stranger = build({}, { authenticate: refuse('UNAUTHENTICATED') });
  await expect(stranger.pigeons.send({ to: 'a' })).rejects.toEqual(code('UNAUTHENTICATED'));
  expect(stranger.audit).toMatchObject([{ caller: { kind: 'anonymous' } }]);
  const refused = build({}, { authorise: refuse('FORBIDDEN') });
  await expect(
    refused.pigeons.arrivals({ from: '' })[Symbol.asyncIterator]().next(),
  ).rejects.toEqual(code('FORBIDDEN'));
  expect(refused.audit).toMatchObject([{ outcome: 'FORBIDDEN', caller: owner }]);
});

test('every item of a watch is checked, and the watch is audited once, at its end', async () => {
  const { pigeons, audit } = build({
    arrivals: async function* () {
      yield { flight: 'f1', secret: 1 } as { flight: string };
      yield { flight: 2 } as unknown as { flight: string };
    },
  });
  const items = pigeons.arrivals({ from: '' })[Symbol.asyncIterator]();
  await expect(items.next()).resolves.toEqual({ done: false, value: { flight: 'f1' } });
  expect(audit).toEqual([]);
  await expect(items.next()).rejects.toEqual(code('OUTPUT_INVALID'));
  await expect(items.next()).resolves.toMatchObject({ done: true });
  expect(audit).toMatchObject([{ outcome: 'OUTPUT_INVALID' }]);
});

test('a reader leaves a quiet watch at once, and the service learns it by its signal', async () => {
  let gone: AbortSignal | undefined;
  const { pigeons, audit } = build({
    arrivals: (_input, call) => {
      gone = call?.signal;
      return { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }) };
    },
  });
  const items = pigeons.arrivals({ from: '' })[Symbol.asyncIterator]();
  const pending = items.next();
  await expect.poll(() => gone).toBeDefined();
  await items.return?.();
  await expect(pending).resolves.toMatchObject({ done: true });
  expect(gone?.aborted).toBe(true);
  expect(audit).toMatchObject([{ outcome: 'CANCELLED' }]);
});

test('a watch ends with the refusal of a reader who may no longer, and is let go of then', async () => {
  let lapse: (refusal: unknown) => void = () => undefined;
  let gone: AbortSignal | undefined;
  let letGo = 0;
  const arrivals: Pigeons['arrivals'] = (_input, call) => {
    gone = call?.signal;
    return { [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }) };
  };
  const { pigeons, audit } = build(
    { arrivals },
    {
      hold({ caller, asked, lapsed }) {
        expect({ caller, asked }).toMatchObject({
          caller: owner,
          asked: { permission: 'pigeons.read' },
        });
        lapse = lapsed;
        return () => void (letGo += 1);
      },
    },
  );
  const items = pigeons.arrivals({ from: '' })[Symbol.asyncIterator]();
  const pending = items.next();
  await expect.poll(() => gone).toBeDefined();
  lapse(new HansaError('FORBIDDEN', 'the role was taken away'));
  await expect(pending).rejects.toEqual(code('FORBIDDEN'));
  expect(gone?.aborted).toBe(true);
  expect(letGo).toBe(1);
  expect(audit).toMatchObject([{ outcome: 'FORBIDDEN' }]);
});

test('a watch that is refused between its permission and its start never runs', async () => {
  let ran = false;
  const { pigeons } = build(
    {
      arrivals: async function* () {
        ran = true;
        yield { flight: 'f1' };
      },
    },
    {
      hold({ lapsed }) {
        lapsed(new HansaError('FORBIDDEN', 'the role was taken away'));
        return () => undefined;
      },
    },
  );
  const items = pigeons.arrivals({ from: '' })[Symbol.asyncIterator]();
  await expect(items.next()).rejects.toEqual(code('FORBIDDEN'));
  expect(ran).toBe(false);
});

test('a call is CANCELLED by its signal at once, even where the service does not listen', async () => {
  const { pigeons } = build({ send: () => new Promise(() => undefined) });
  const stop = new AbortController();
  const call = pigeons.send({ to: 'a' }, { signal: stop.signal });
  stop.abort();
  await expect(call).rejects.toEqual(code('CANCELLED'));
  await expect(pigeons.send({ to: 'a' }, { signal: stop.signal })).rejects.toEqual(
    code('CANCELLED'),
  );
});

test('a deadline of ours keeps its own code', async () => {
  const { pigeons } = build({});
  const late = AbortSignal.abort(new HansaError('TIMED_OUT', 'too late'));
  await expect(pigeons.send({ to: 'a' }, { signal: late })).rejects.toEqual(code('TIMED_OUT'));
  const items = pigeons.arrivals({ from: '' }, { signal: late })[Symbol.asyncIterator]();
  await expect(items.next()).rejects.toEqual(code('TIMED_OUT'));
});

test('a promise of nothing is kept by undefined, and by the null that JSON makes of it', async () => {
  const { pigeons } = build({});
  await expect(pigeons.forget({})).resolves.toBeUndefined();
  const json = remote(contract, {
    call: async () => null,
    watch: () => ({
      [Symbol.asyncIterator]: () => ({ next: async () => ({ done: true, value: 0 }) }),
    }),
  });
  await expect(json.forget({})).resolves.toBeUndefined();
  await expect(json.send({ to: '' })).rejects.toEqual(code('OUTPUT_INVALID'));
});

test('an edge refuses a service that lacks a method, and two contracts of one name', () => {
  const gate: Gate = {
    admit: () => undefined,
    authenticate: async () => owner,
    authorise: () => undefined,
    record: () => undefined,
  };
  const service = { send() {}, forget() {}, arrivals() {} };
  expect(() => serve([{ contract, service: {} }], gate)).toThrow('pigeons.send');
  const twice = { contract, service };
  expect(() => serve([twice, twice], gate)).toThrow('two contracts');
});
