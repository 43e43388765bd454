// Evidence from files (protocol/evidence.md), checked as one: keys from one file hold for what
// another one says. Nothing here asks a node, or believes one.
import { createAuditBook } from './audit.ts';
import { checkers, type Checker, type Proven } from './checkers.ts';
import { createHeadBook } from './heads.ts';
import { createKeyRing } from './key-ring.ts';
import { demand, sentenceOf, short } from './problem.ts';
import { has, list, node, text, type Node } from './shape.ts';

const format = 'hansa/evidence/1';
// of one file: a whole audit, and what is signed of it; more is a mistake, or an attack
const itemsMax = 1_100_000;

export interface EvidenceFile {
  readonly name: string;
  /** Parsed JSON, whatever it is. */
  readonly data: unknown;
}

export interface VerifyOptions {
  /** When certificates and tokens are to be good. */
  readonly atMs: number;
  /** What is of any other cluster does not pass; empty where everybody's word is asked for. */
  readonly clusters?: readonly string[];
}

/** One thing that was claimed. */
export interface Verdict {
  readonly file: string;
  readonly kind: string;
  /** What it is about: a resource's name, or a beginning of an id. */
  readonly about: string;
  readonly verified: boolean;
  /** What is proven, or what is wrong. */
  readonly sentence: string;
}

export interface Report {
  readonly verified: boolean;
  readonly verdicts: readonly Verdict[];
}

interface Item {
  readonly file: string;
  readonly kind: string;
  readonly node: Node;
}

export function verifyEvidence(files: readonly EvidenceFile[], options: VerifyOptions): Report {
  const proven: Proven = {
    keys: createKeyRing(),
    heads: createHeadBook(),
    audits: createAuditBook(),
    atMs: options.atMs,
  };
  const verdicts: Verdict[] = [];
  const items: Item[] = [];
  for (const file of files) {
    try {
      for (const item of itemsOf(file)) {
        items.push(item);
      }
    } catch (error) {
      verdicts.push(refusal({ file: file.name, kind: 'file', about: '' }, error));
    }
  }
  for (const checker of checkers) {
    for (const joined of joinedItems(items, checker)) {
      verdicts.push(judge(joined, { checker, proven, clusters: options.clusters ?? [] }));
    }
  }
  for (const item of items.filter(({ kind }) => checkers.every((each) => each.kind !== kind))) {
    const sentence = `nothing here knows how to check a "${item.kind}"`;
    verdicts.push({ ...titleOf([item]), verified: false, sentence });
  }
  const verified = verdicts.length > 0 && verdicts.every((each) => each.verified);
  return { verified, verdicts };
}

/** A bundle has many; a receipt that somebody was handed is a file by itself. */
function itemsOf({ name, data }: EvidenceFile): readonly Item[] {
  const whole = node(data, 'the file');
  if (has(whole, 'withdrawal') && !has(whole, 'format')) {
    return [{ file: name, kind: 'receipt', node: node(data, 'the receipt') }];
  }
  demand(
    has(whole, 'format') && text(whole, 'format') === format,
    `the file is no evidence: its format is not "${format}"`,
  );
  const evidence = list(whole, 'evidence');
  demand(evidence.length <= itemsMax, `the file has over ${itemsMax} items`);
  return evidence.map((each, index) => {
    const item = node(each, `evidence[${index}]`);
    return { file: name, kind: text(item, 'kind'), node: item };
  });
}

function joinedItems(items: readonly Item[], checker: Checker): readonly (readonly Item[])[] {
  const groups = new Map<string, Item[]>();
  for (const item of items.filter(({ kind }) => kind === checker.kind)) {
    const key = groupOf(item, checker) ?? `alone ${groups.size}`;
    const group = groups.get(key) ?? [];
    group.push(item);
    groups.set(key, group);
  }
  return [...groups.values()];
}

function groupOf(item: Item, { joinedBy }: Checker): string | undefined {
  try {
    return joinedBy?.(item.node);
  } catch {
    return undefined; // its own check says what is wrong with it
  }
}

function judge(
  items: readonly Item[],
  given: {
    readonly checker: Checker;
    readonly proven: Proven;
    readonly clusters: readonly string[];
  },
): Verdict {
  const { checker, proven, clusters } = given;
  const title = titleOf(items);
  try {
    const { of, sentence } = checker.check(
      items.map((item) => item.node),
      proven,
    );
    demand(
      clusters.length === 0 || clusters.includes(of),
      `it is the word of ${short(of)}, who was not asked about`,
    );
    return { ...title, verified: true, sentence };
  } catch (error) {
    return refusal(title, error);
  }
}

type Title = Pick<Verdict, 'file' | 'kind' | 'about'>;

function refusal(title: Title, error: unknown): Verdict {
  return { ...title, verified: false, sentence: sentenceOf(error) };
}

function titleOf(items: readonly Item[]): Title {
  const [item] = items;
  const { file = '', kind = '' } = item ?? {};
  return { file, kind, about: item === undefined ? '' : aboutOf(item.node) };
}

function aboutOf({ fields }: Node): string {
  const { resource, node: certified, inception, cluster: whose } = fields;
  if (typeof resource === 'string') {
    return resource.slice(65, 321);
  }
  if (typeof certified === 'string') {
    return short(certified);
  }
  const cluster =
    typeof inception === 'object' && inception !== null && 'cluster' in inception
      ? inception.cluster
      : undefined;
  const id = cluster ?? whose;
  return typeof id === 'string' ? short(id) : '';
}
