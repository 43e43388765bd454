// Lines as they are read and written: all that a decision needs in one look, at one revision, and
// every write only where nothing of it has changed since.
import { HansaError } from '../errors.ts';
import type { Compare, Entry, KeyValueStore, LeaseId, Op } from '../store/store.ts';
import {
  claimsPerLineMax,
  type Claim,
  type ClaimTables,
  type Line,
  type Register,
  type Standing,
} from './claim.ts';

/** One line at the revision of the look. */
export interface LineView {
  readonly name: string;
  /** Absent where it was never claimed. */
  readonly line: Line | undefined;
  readonly lineRevision: number;
  /** In the order of their tickets. */
  readonly standing: readonly Standing[];
}

export interface Look {
  readonly views: readonly LineView[];
  readonly register: Register;
  readonly registerRevision: number;
}

export interface LinesNeeds {
  readonly store: KeyValueStore;
  readonly tables: ClaimTables;
  readonly linesMax: number;
}

/** Tickets of new claims, one for each view. */
export interface Entering {
  readonly name: string;
  readonly ticket: number;
}

const reclaimedAtOnce = 32; // two operations and a compare each, in one transaction

export class Lines {
  readonly #needs: LinesNeeds;

  constructor(needs: LinesNeeds) {
    this.#needs = needs;
  }

  async look(names: readonly string[]): Promise<Look> {
    const { store, tables } = this.#needs;
    const reads: Op[] = names.flatMap((name) => [
      { get: { key: tables.lines.key(name) } },
      { scan: { prefix: tables.claims.prefix(name), limit: claimsPerLineMax } },
    ]);
    const { results } = await store.transact({
      if: [],
      then: [...reads, { get: { key: tables.register.key() } }],
    });
    const entriesAt = (at: number): readonly Entry[] => {
      const result = results[at];
      if (result !== undefined && 'scan' in result) {
        return result.scan.entries;
      }
      const entry = result !== undefined && 'get' in result ? result.get.entry : null;
      return entry === null ? [] : [entry];
    };
    const [registered] = entriesAt(reads.length);
    return {
      views: names.map((name, at) => this.#view(name, entriesAt(2 * at), entriesAt(2 * at + 1))),
      register:
        registered === undefined
          ? { floor: 0, lines: 0 }
          : this.#needs.tables.register.row(registered).value,
      registerRevision: registered?.modRevision ?? 0,
    };
  }

  #view(name: string, [line]: readonly Entry[], claims: readonly Entry[]): LineView {
    const { tables } = this.#needs;
    return {
      name,
      line: line === undefined ? undefined : tables.lines.row(line).value,
      lineRevision: line?.modRevision ?? 0,
      standing: claims.map((entry) => standingOf(tables, entry)),
    };
  }

  /** Claims at the end of every line, all or none; undefined where a line has changed meanwhile. */
  async enter(
    look: Look,
    claim: Claim,
    how: { readonly lease: LeaseId; readonly capacity: number },
  ): Promise<readonly Entering[] | undefined> {
    const { store, tables } = this.#needs;
    const made = look.views.filter(({ line }) => line === undefined).length;
    const entering = look.views.map(({ name, line }) => ({
      name,
      ticket: (line?.last ?? look.register.floor) + 1,
    }));
    const puts = entering.flatMap(({ name, ticket }, at) => {
      const capacity = look.views[at]?.line?.capacity ?? how.capacity;
      return [
        tables.lines.put([name], { last: ticket, capacity }),
        leased(tables.claims.put([name, ticket], claim), how.lease),
      ];
    });
    const { floor, lines } = look.register;
    const { succeeded } = await store.transact({
      if: [...look.views.map((view) => this.#same(view)), ...this.#sameRegister(look, made)],
      then: made === 0 ? puts : [...puts, tables.register.put([], { floor, lines: lines + made })],
    });
    return succeeded ? entering : undefined;
  }

  #same({ name, lineRevision }: LineView): Compare {
    const key = this.#needs.tables.lines.key(name);
    return { key, target: 'modRevision', op: '=', operand: lineRevision };
  }

  #sameRegister({ registerRevision }: Look, made: number): readonly Compare[] {
    const key = this.#needs.tables.register.key();
    return made === 0 ? [] : [{ key, target: 'modRevision', op: '=', operand: registerRevision }];
  }

  /** Whether there is room for the lines that are not there yet; may forget some that idle. */
  async makeRoom(look: Look): Promise<boolean> {
    const made = look.views.filter(({ line }) => line === undefined).length;
    if (made === 0 || look.register.lines + made <= this.#needs.linesMax) {
      return true;
    }
    let idle: LineView[] = [];
    for await (const { key } of this.#needs.tables.lines.rows()) {
      const [view] = (await this.look([String(key[0])])).views;
      idle = view?.line === undefined || view.standing.length > 0 ? idle : [...idle, view];
      if (idle.length >= reclaimedAtOnce) {
        break;
      }
    }
    if (idle.length > 0) {
      await this.forget(idle, look);
    }
    return idle.length > 0;
  }

  /**
   * Lines without claims; false where one has changed meanwhile. What is made under their names
   * again begins above every ticket that they gave.
   */
  async forget(idle: readonly LineView[], look: Look): Promise<boolean> {
    const { store, tables } = this.#needs;
    const { floor, lines } = look.register;
    const { succeeded } = await store.transact({
      if: [...idle.map((view) => this.#same(view)), ...this.#sameRegister(look, 1)],
      then: [
        ...idle.map(({ name }) => tables.lines.delete([name])),
        tables.register.put([], {
          floor: Math.max(floor, ...idle.map(({ line }) => line?.last ?? 0)),
          lines: lines - idle.length,
        }),
      ],
    });
    return succeeded;
  }
}

export function standingOf(tables: ClaimTables, entry: Entry): Standing {
  const { key, value, modRevision } = tables.claims.row(entry);
  const [, ticket] = key;
  if (typeof ticket !== 'number') {
    throw new HansaError('STORE_DAMAGED', 'a claim has no ticket');
  }
  return { ticket, claim: value, modRevision, lease: entry.lease ?? '' };
}

export function leased(op: Op, lease: LeaseId): Op {
  return 'put' in op ? { put: { ...op.put, lease } } : op;
}
