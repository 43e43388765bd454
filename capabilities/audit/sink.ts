// What gates and capabilities of this node write to: texts are cut to what a record holds, and only
// names come in, never inputs.
import { fromUtf8, HansaError, utf8, type AuditEntry, type Clock } from '@hansa/foundation';
import { interrupted, recordedOf, type Beginnings, type RecordedChain } from './beginning.ts';
import { classOf, isRefusal, mustBeKept, namesOf } from './classifying.ts';
import { createCounting } from './counting.ts';
import { auditFactsMax, auditTextMax, type AuditFacts } from './record.ts';
import type { Act, AuditSink } from './uses.ts';
import type { AuditWriter } from './writing.ts';

export interface Sink extends AuditSink {
  /** Writes down what was counted. */
  flush(): Promise<void>;
  /** Writes down what an earlier process began, and was not there to see the end of. */
  start(chain: RecordedChain): Promise<void>;
}

interface SinkNeeds {
  readonly clock: Clock;
  readonly writer: Pick<AuditWriter, 'write' | 'problem'>;
  readonly beginnings: Beginnings;
}

export function createSink(needs: SinkNeeds): Sink {
  const { writer, clock, beginnings } = needs;
  const counting = createCounting(clock);
  const endOf = (id: string | undefined) => (): void => {
    if (id !== undefined) {
      beginnings.ended(id);
    }
  };
  /** Whether it is to have a record of its own; what is counted has been. */
  const isKept = (entry: AuditEntry, said: SaidOfOne): boolean => {
    const kind = classOf(entry);
    if (kind === 'counted') {
      counting.add(said);
    }
    return kind === 'kept' || (kind === 'refused' && counting.refused(said));
  };
  return {
    request(entry, facts) {
      const said = saidOf(entry);
      const ended = endOf(entry.begun);
      if (isKept(entry, said)) {
        const { begun } = entry;
        const all = begun === undefined ? facts : { ...facts, begun };
        return writer.write({ ...said, count: 1, facts: factsOf(all) }, ended);
      }
      ended();
      return undefined;
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
    begin(beginning) {
      if (!mustBeKept(beginning)) {
        return undefined;
      }
      const problem = writer.problem();
      if (problem !== undefined) {
        throw new HansaError('AUDIT_UNAVAILABLE', `nothing is changed now: ${problem.message}`, {
          cause: problem,
        });
      }
      const { outcome: _none, ...said } = saidOf({ ...beginning, outcome: '' });
      return beginnings.keep({ ...said, atMs: clock.now() });
    },
    start: (chain) => tellInterrupted({ writer, beginnings }, chain),
    async flush() {
      await Promise.all(counting.take().map((said) => writer.write(said)));
    },
  };
}

/** What has its record loses its row; the rest is told now. */
async function tellInterrupted(
  { writer, beginnings }: Pick<SinkNeeds, 'writer' | 'beginnings'>,
  chain: RecordedChain,
): Promise<void> {
  const left = await beginnings.left();
  const recorded = await recordedOf(chain, left);
  for (const { id, atMs: sinceMs, ...said } of left) {
    const ended = (): void => beginnings.ended(id);
    if (recorded.has(id)) {
      ended();
    } else {
      const told = { ...said, sinceMs, count: 1, outcome: interrupted, facts: { begun: id } };
      void writer.write(told, ended);
    }
  }
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
