// Cedar behind the interface of access: sets of policies are read once and asked many times.
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import type * as cedarLibrary from '@cedar-policy/cedar-wasm/nodejs';
import type {
  ActionConstraint,
  EntityJson,
  EntityUid,
  PolicyJson,
  StatefulAuthorizationCall,
  TypeAndId,
} from '@cedar-policy/cedar-wasm/nodejs';
import type {
  PolicyEngine,
  PolicyRequest,
  PolicySet,
  PolicySubject,
  PolicyVerdict,
} from '@hansa/capabilities/access/engine';
import { HansaError, invariant } from '@hansa/foundation';
import { complaint } from './complaint.ts';
import { roleText } from './roles.ts';
import { groupsOf, schemaText } from './schema.ts';
import { isForEverybody, ofUnknown } from './unknown.ts';

// Never stored: a policy that is only looked at has to be called something.
const lookedAt = 'policy';

type Cedar = typeof cedarLibrary;

/**
 * Cedar is loaded here and no sooner: it takes 27 MB, which a node that only its owner asks never
 * needs.
 */
export function createCedarEngine(permissions: readonly string[]): PolicyEngine {
  const cedar = createRequire(import.meta.url)('@cedar-policy/cedar-wasm/nodejs') as Cedar;
  const schema = schemaText(permissions);
  const slots = new Slots(cedar);
  return {
    read(text) {
      const answer = cedar.validate({ schema, policies: { staticPolicies: { [lookedAt]: text } } });
      if (answer.type === 'failure') {
        throw complaint(text, answer.errors);
      }
      // What Cedar warns of never applies, or reads otherwise than it looks.
      const found = [...answer.validationErrors, ...answer.validationWarnings];
      if (found.length > 0) {
        throw complaint(
          text,
          found.map(({ error }) => error),
        );
      }
      const json = jsonOf(cedar, text);
      const { effect, action } = json;
      return { effect, permissions: actionsOf(action), everybody: isForEverybody(json) };
    },
    compile({ roles, written }) {
      const ofRoles = roles.map((role) => [role.id, roleText(role)] as const);
      const known = slots.fill([...ofRoles, ...written.map(({ id, text }) => [id, text] as const)]);
      return setIn(cedar, slots, {
        known,
        // Asked by who gives rights to others alone: most sets are never asked so.
        unknown: () =>
          slots.fill([
            ...ofRoles,
            ...written.map(({ id, text }) => [id, ofUnknown(jsonOf(cedar, text))] as const),
          ]),
      });
    },
  };
}

function jsonOf(cedar: Cedar, text: string): PolicyJson {
  const read = cedar.policyToJson(text);
  if (read.type === 'failure') {
    throw complaint(text, read.errors);
  }
  return read.json;
}

/** Cedar keeps a set under its name as long as the process lives: names are used again. */
class Slots {
  readonly #cedar: Cedar;
  readonly #free: string[] = [];

  constructor(cedar: Cedar) {
    this.#cedar = cedar;
  }

  fill(policies: readonly (readonly [id: string, policy: string | PolicyJson])[]): string {
    const slot = this.#free.pop() ?? randomUUID();
    const answer = this.#cedar.preparsePolicySet(slot, {
      staticPolicies: Object.fromEntries(policies),
    });
    if (answer.type === 'failure') {
      this.give(slot);
      throw complaint('', answer.errors);
    }
    return slot;
  }

  give(slot: string): void {
    this.#cedar.preparsePolicySet(slot, { staticPolicies: {} });
    this.#free.push(slot);
  }
}

function setIn(
  cedar: Cedar,
  slots: Slots,
  { known, unknown }: { readonly known: string; readonly unknown: () => string },
): PolicySet {
  let released = false;
  let ofAny: string | undefined;
  return {
    decide(request) {
      invariant(!released, 'policies were asked after they were let go of');
      if (request.target !== 'unknown') {
        return ask(cedar, known, request);
      }
      ofAny ??= unknown();
      return ask(cedar, ofAny, request);
    },
    release() {
      if (!released) {
        released = true;
        [known, ofAny].forEach((slot) => slot !== undefined && slots.give(slot));
      }
    },
  };
}

function ask(cedar: Cedar, slot: string, request: PolicyRequest): PolicyVerdict {
  const answer = cedar.statefulIsAuthorized(callFor(slot, request));
  if (answer.type === 'failure') {
    const [first] = answer.errors;
    throw new HansaError('INTERNAL', 'the policies cannot be asked', { cause: first?.message });
  }
  const { decision, diagnostics } = answer.response;
  return {
    allowed: decision === 'allow',
    policies: diagnostics.reason.toSorted(),
    failed: diagnostics.errors.map(({ policyId }) => policyId).toSorted(),
  };
}

const subjectTypes = {
  user: 'User',
  service: 'Service',
  workload: 'Workload',
  token: 'Token',
} as const;

function callFor(
  slot: string,
  { subject, permission, target }: PolicyRequest,
): StatefulAuthorizationCall {
  const principal = { type: subjectTypes[subject.kind], id: subject.id };
  const action = { type: 'Action', id: permission };
  const resource = { type: 'Resource', id: idOfTarget(target) };
  const groups = groupsOf(permission).map((group) => ({ type: 'Action', id: group }));
  const entities: EntityJson[] = [
    subjectEntity(subject, principal),
    { uid: action, attrs: {}, parents: groups },
    { uid: resource, attrs: attrsOf(target), parents: [] },
  ];
  const asked = { principal, action, resource, context: {}, entities };
  return { ...asked, preparsedPolicySetId: slot, validateRequest: false };
}

function idOfTarget(target: PolicyRequest['target']): string {
  return typeof target === 'object' ? `${target.owner}:${target.kind}/${target.name}` : '*';
}

function attrsOf(target: PolicyRequest['target']): EntityJson['attrs'] {
  if (target === 'unknown') {
    return {};
  }
  const { kind, name, own, owner } = target ?? { kind: '', name: '', own: false, owner: '' };
  return { kind, name, own, owner };
}

function subjectEntity(subject: PolicySubject, uid: EntityUid): EntityJson {
  const { name, home, foreign, roles, groups } = subject;
  return {
    uid,
    attrs: { name, home, foreign },
    parents: [
      ...roles.map((id) => ({ type: 'Role', id })),
      ...groups.map((id) => ({ type: 'Group', id })),
      { type: 'Cluster', id: home },
    ],
  };
}

function actionsOf(constraint: ActionConstraint): readonly string[] {
  if (constraint.op === 'All') {
    return ['*.*'];
  }
  if ('slot' in constraint) {
    return [];
  }
  const entities = 'entities' in constraint ? constraint.entities : [constraint.entity];
  return entities.map((uid) => idOf(uid));
}

function idOf(uid: EntityUid): string {
  const { id }: TypeAndId = '__entity' in uid ? uid.__entity : uid;
  return id;
}
