import { defineConfig } from 'vitest/config';

// Tests run from the sources: the private condition wins over each package's built files.
const conditions = ['@hansa/source', 'node', 'import', 'module', 'default'];
const exclude = ['**/node_modules/**', '**/dist/**', '.hansa/**'];

export default defineConfig({
  resolve: { conditions },
  ssr: { resolve: { conditions, externalConditions: conditions } },
  test: {
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // What black-box tests start is the built program; only they wait for the build.
    projects: [
      {
        extends: true,
        test: { name: 'sources', include: ['**/*.test.ts'], exclude: [...exclude, 'tests/**'] },
      },
      {
        extends: true,
        test: {
          name: 'black-box',
          include: ['tests/black-box/*.test.ts', 'tests/nemesis/*.test.ts'],
          exclude,
          globalSetup: ['tests/black-box/harness/build.ts'],
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
});
