// Faults that somebody could make, one expression each, and the story that finds each of them. They
// are put into the product's source while a program is put together of it, and nowhere else.
import type { Edited } from '../bundle.ts';

export interface Mutant extends Edited {
  readonly name: string;
  /** What is wrong then, for the title of its test. */
  readonly says: string;
  readonly scenario: string;
  /** Some of so many seeds from this one on finds it. */
  readonly from: number;
  readonly seedsMax: number;
  readonly finds: RegExp;
}

export const mutants: readonly Mutant[] = [
  {
    name: 'unsigned',
    says: 'a batch is applied under a head whose signature nobody checked',
    file: 'capabilities/sync/verifying.ts',
    edits: [{ from: '  history.verify(head);\n', to: '' }],
    scenario: 'flips',
    from: 1,
    seedsMax: 20,
    finds: /under a head that its owner did not sign/,
  },
  {
    name: 'asked-once',
    says: 'policy is asked when a stream begins, and not for what follows on it',
    file: 'capabilities/sync/serving.ts',
    edits: [
      { from: '    do {\n      requirePull(needs, input.resource, peer);\n', to: '    do {\n' },
      {
        from: '          requirePull(needs, input.resource, peer);\n          yield item;\n',
        to: '          yield item;\n',
      },
    ],
    scenario: 'revocations',
    from: 9,
    seedsMax: 20,
    finds: /content of .+ went from .+, which may not have it/,
  },
  {
    name: 'position-first',
    says: 'the applied position is the last one before all that leads there is stored',
    file: 'capabilities/sync/applying.ts',
    edits: [
      {
        from: 'recordAfter(work, group, { isLast: index === groups.length - 1, nowMs })',
        to: 'recordAfter(work, groups.at(-1) ?? group, { isLast: true, nowMs })',
      },
    ],
    scenario: 'crashes',
    from: 112,
    seedsMax: 10,
    finds: /has other entries than its owner had there/,
  },
  {
    name: 'no-tombstone',
    says: 'a deletion is forgotten at once where several clusters write',
    file: 'capabilities/kv/writing.ts',
    edits: [
      {
        from: 'if (value === undefined && !settings.shared) {',
        to: 'if (value === undefined) {',
      },
    ],
    scenario: 'lanes',
    from: 1,
    seedsMax: 10,
    finds: /again, which it had deleted/,
  },
  {
    name: 'any-beat-proves',
    says: 'a beat counts as proof of now, whichever of ours it answers',
    file: 'capabilities/links/beats.ts',
    edits: [
      {
        from: 'Math.min(clock.monotonicMs(), echoed.sentMs + beatIntervalMs)',
        to: 'clock.monotonicMs()',
      },
    ],
    scenario: 'partitions',
    from: 3,
    seedsMax: 20,
    finds: /shows its link to .+ as (?:live|idle), \d+ ms after it was cut/,
  },
  {
    name: 'epoch-kept',
    says: 'an owner that finds itself behind its own past goes on in the same epoch',
    file: 'capabilities/recovery/finding.ts',
    edits: [
      {
        from: "  if (held.sequence > position.sequence) {\n    return 'behind';\n  }\n",
        to: '',
      },
    ],
    scenario: 'restores',
    from: 1,
    seedsMax: 20,
    finds: /not within \d+ ms: (?:links are green|mirrors are equal)/,
  },
];
