// What gates and capabilities of this node write to: texts are cut to what a record holds, and only
// names come in, never inputs.
import { fromUtf8, HansaError, utf8, type AuditEntry, type Clock } from '@hansa/foundation';
import { classOf, isRefusal, mustBeKept, namesOf } from './classifying.ts';
import { createCounting } from './counting.ts';
import { auditFactsMax, auditTextMax, type AuditFacts } from './record.ts';
import type { Act, AuditSink } from './uses.ts';
import type { AuditWriter } from './writing.ts';

export interface Sink extends AuditSink {
  /** Writes down what was counted. */
  flush(): Promise<void>;
}

export function createSink(needs: {
  readonly clock: Clock;
  readonly writer: Pick<AuditWriter, 'write' | 'problem'>;
}): Sink {
  const { writer, clock } = needs;
  const counting = createCounting(clock);
  return {
    request(entry, facts) {
      const kind = classOf(entry);
      if (kind === 'passed') {
        return undefined;
      }
      const said = saidOf(entry);
      if (kind === 'counted') {
        counting.add(said);
        return undefined;
      }
      if (kind === 'refused' && !counting.refused(said)) {
        return undefined;
      }
      return writer.write({ ...said, count: 1, facts: factsOf(facts) });
    },
    async act({ act, principal, target = '', outcome, facts }) {
      const said = {
        principal: cut(principal),
        via: '',
        source: cut(String(facts?.['source'] ?? '')),
        act: cut(act),
        permission: '',
        target: cut(target),
        outcome: cut(outcome),
      };
      // Logins that fail are acts, too: whoever tries all night fills no audit.
      if (!isRefusal(outcome) || counting.refused(said)) {
        await writer.write({ ...said, count: 1, facts: factsOf(facts) });
      }
    },
    requireReady({ permission }) {
      const problem = mustBeKept(permission) ? writer.problem() : undefined;
      if (problem !== undefined) {
        throw new HansaError('AUDIT_UNAVAILABLE', `nothing is changed now: ${problem.message}`, {
          cause: problem,
        });
      }
    },
    async flush() {
      await Promise.all(counting.take().map((said) => writer.write(said)));
    },
  };
}

type SaidOfOne = Parameters<ReturnType<typeof createCounting>['add']>[0];

function saidOf(entry: AuditEntry): SaidOfOne {
  const { contract, method, permission = '', target = '', source, outcome } = entry;
  // Nobody's method has any name that a stranger likes: it is not repeated.
  const known = outcome !== 'METHOD_UNKNOWN' || permission !== '';
  const { principal, via } = namesOf(entry.caller);
  return {
    principal: cut(principal),
    via: cut(via),
    source: cut(source),
    act: known ? cut(`${contract}.${method}`) : 'unknown',
    permission: cut(permission),
    target: cut(target),
    outcome: cut(outcome),
  };
}

function factsOf(given: Act['facts']): AuditFacts {
  return Object.fromEntries(
    Object.entries(given ?? {})
      .slice(0, auditFactsMax)
      .map(([name, value]) => [cut(name), typeof value === 'boolean' ? value : plain(value)]),
  );
}

/** Numbers are whole: others have more than one spelling. */
function plain(value: string | number): string | number {
  return typeof value === 'number' && Number.isSafeInteger(value) ? value : cut(String(value));
}

const plainText = /^[\x20-\x7e]*$/;

/** Half a character would be hashed as another one than is stored. */
function cut(text: string): string {
  const short = text.length > auditTextMax ? text.slice(0, auditTextMax) : text;
  return plainText.test(short) ? short : fromUtf8(utf8(short));
}
