// What access asks of a policy engine, and nothing of what an engine is: policies as text go in, a
// verdict with the ids that led to it comes out. A driver keeps this promise.

/** Which of a principal's forms an engine tells apart; a token here speaks for nobody else. */
export type SubjectKind = 'user' | 'service' | 'workload' | 'token';

export interface PolicySubject {
  readonly kind: SubjectKind;
  /** `anna`, or `anna@<cluster id>`: unique among its kind. */
  readonly id: string;
  readonly name: string;
  /** The cluster that vouches for it. */
  readonly home: string;
  readonly foreign: boolean;
  /** Those that count here. */
  readonly roles: readonly string[];
  /** Of its home; foreign ones with `@<cluster id>`. */
  readonly groups: readonly string[];
}

/** One resource; where it is absent, a request is about all of them, or none. */
export interface PolicyTarget {
  readonly kind: string;
  readonly name: string;
  /** Whether this cluster owns it. */
  readonly own: boolean;
  /** The cluster that owns it. */
  readonly owner: string;
}

export interface PolicyRequest {
  readonly subject: PolicySubject;
  readonly permission: string;
  /**
   * `unknown` is some resource: what looks at it cannot be asked, and stands among those that
   * failed.
   */
  readonly target?: PolicyTarget | 'unknown' | undefined;
}

export interface PolicyVerdict {
  readonly allowed: boolean;
  /** Of the policies that permit it, or, where any does, of those that forbid it. */
  readonly policies: readonly string[];
  /** Of those that could not be asked: what they would have said is unknown. */
  readonly failed: readonly string[];
}

/** What a role lets its holders do: a permission, or all of a contract or of an action. */
export interface RolePermit {
  /** `*` stands for all of them. */
  readonly contract: string;
  readonly action: string;
  /** Own resources alone whose names match; all, and none in particular, where absent. */
  readonly names?: string | undefined;
}

export interface RolePolicy {
  readonly id: string;
  readonly role: string;
  readonly permits: readonly RolePermit[];
}

/** A policy that an operator wrote, in the engine's own language. */
export interface WrittenPolicy {
  readonly id: string;
  readonly text: string;
}

/** What a policy is about, by its head alone: its conditions can only make it narrower. */
export interface PolicyFacts {
  readonly effect: 'permit' | 'forbid';
  /** As scopes of the API say it: `kv.read`, `*.read`, `kv.*`; `*.*` is all. */
  readonly permissions: readonly string[];
  /** Whether it says the same of whoever asks. */
  readonly everybody: boolean;
}

export interface PolicySet {
  decide(request: PolicyRequest): PolicyVerdict;
  /** Lets go of what the engine holds for it. */
  release(): void;
}

/** Knows every permission that there is: a policy that names another is refused. */
export interface PolicyEngine {
  /** INPUT_INVALID in the engine's own words, with the line and column. */
  read(text: string): PolicyFacts;
  /** INPUT_INVALID where one of them cannot be read at all. */
  compile(given: {
    readonly roles: readonly RolePolicy[];
    readonly written: readonly WrittenPolicy[];
  }): PolicySet;
}

/** An engine for a node's permissions. */
export type MakePolicyEngine = (permissions: readonly string[]) => PolicyEngine;
