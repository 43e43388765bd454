// What must hold of any push before anybody decides it: all that would make git fail to move the
// refs after the push was made durable. All or nothing, so that what is recorded is what happens.
import { internalRefPrefix, type DecidePush, type Push } from './git.ts';
import { refNameClashes, refNameIsValid } from './ref-name.ts';

/** Asks `decide` only about pushes whose refs git will move when it is told to. */
export function withPushRules(decide: DecidePush): DecidePush {
  return async (push) => {
    const fault = pushFault(push);
    return fault === undefined ? decide(push) : { accept: false, reason: fault };
  };
}

/** Why git would not move these refs, as a sentence for the pusher; undefined where it will. */
export function pushFault({
  changes,
  before,
}: Pick<Push, 'changes' | 'before'>): string | undefined {
  const current = new Map(before.refs.map((ref) => [ref.name, ref.target]));
  const changed = new Set<string>();
  for (const { ref, old } of changes) {
    if (!refNameIsValid(ref) || ref.startsWith(internalRefPrefix)) {
      return `no ref can be named ${ref}`;
    }
    if (changed.has(ref)) {
      return `${ref} is changed twice in one push`;
    }
    if ((current.get(ref) ?? null) !== old) {
      return `${ref} has moved meanwhile; fetch, then push again`;
    }
    changed.add(ref);
  }
  for (const [shorter, longer] of refNameClashes([...current.keys(), ...changed])) {
    if (changed.has(shorter) || changed.has(longer)) {
      return `git cannot hold ${shorter} and ${longer} together; delete one first, in its own push`;
    }
  }
  return undefined;
}
