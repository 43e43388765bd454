import { defineConfig } from 'vitest/config';
import { BaseSequencer, type TestSpecification } from 'vitest/node';

// Tests run from the sources: the private condition wins over each package's built files.
const conditions = ['@hansa/source', 'node', 'import', 'module', 'default'];
const exclude = ['**/node_modules/**', '**/dist/**', '.hansa/**'];
// Puts a fault into a module while it is loaded, and so needs a process in which it is not yet.
const planting = ['testkit/federation.sim.test.ts'];

// The long ones first, by the clock of a clean clone: what begins last keeps all others waiting.
const longest = [
  'etcd-store',
  'links.sim',
  'mutants',
  'sealed-store',
  'sync.sim',
  'federation.sim',
  'disk-crash',
  'crash',
  'guides',
  'kill',
  'nodes',
  'demo',
  'identity',
  'push',
  'nemesis',
  'discovery',
  'cli',
  'data-plane',
  'return',
  'backup',
  'kv-takeover',
  'progress',
];

class LongestFirst extends BaseSequencer {
  override async sort(files: TestSpecification[]): Promise<TestSpecification[]> {
    const others = longest.length;
    const placeOf = ({ moduleId }: TestSpecification): number => {
      const place = longest.findIndex((name) => moduleId.endsWith(`/${name}.test.ts`));
      return place < 0 ? others : place;
    };
    const sorted = await super.sort(files);
    return sorted.toSorted((one, other) => placeOf(one) - placeOf(other));
  }
}

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    pool: 'forks',
    // Some files wait, for disks and processes: on two cores a third fills what they leave.
    maxWorkers: 3,
    sequence: { sequencer: LongestFirst },
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // What black-box tests start is the built program; only they wait for the build.
    projects: [
      {
        extends: true,
        test: {
          name: 'sources',
          include: ['**/*.test.ts'],
          exclude: [...exclude, 'tests/**', ...planting],
          // Loading a thousand modules anew takes most files longer than their tests.
          isolate: false,
        },
      },
      { extends: true, test: { name: 'planting', include: planting, exclude } },
      {
        extends: true,
        test: {
          name: 'black-box',
          include: ['tests/black-box/*.test.ts', 'tests/nemesis/*.test.ts'],
          exclude,
          sequence: { groupOrder: 1 },
          globalSetup: ['tests/black-box/harness/build.ts'],
          // The harness is loaded once by each worker, and cleans up after each file.
          isolate: false,
          setupFiles: ['tests/black-box/harness/clean-up.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
