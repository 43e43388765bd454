// Every tidy rule, tried on a planted fault and on its lawful neighbour.
import { describe, expect, it } from 'vitest';
import { floorBreaches } from './floors.ts';
import { houseOf, type House } from './house.ts';
import { exportBreaches, nameBreaches, tagBreaches } from './names.ts';
import {
  capabilityBreaches,
  linkBreaches,
  placeBreaches,
  titleBreaches,
  versionBreaches,
} from './papers.ts';
import { codeBreaches, tableBreaches, unusedCodes } from './registers.ts';
import { columnBreaches, fileBreaches, functionBreaches } from './sizes.ts';

function manifest(name: string, dependencies: readonly string[]): string {
  const versions = Object.fromEntries(dependencies.map((one) => [one, '0.1.0']));
  return JSON.stringify({ name, version: '0.1.0', dependencies: versions });
}

const everyPackage: Readonly<Record<string, string>> = {
  'foundation/package.json': manifest('@hansa/foundation', ['zod']),
  'drivers/store-a/package.json': manifest('@hansa/store-a', [
    '@hansa/foundation',
    '@hansa/capabilities',
    'lmdb',
  ]),
  'drivers/store-b/package.json': manifest('@hansa/store-b', ['@hansa/foundation']),
  'capabilities/package.json': manifest('@hansa/capabilities', ['@hansa/foundation', 'zod']),
  'node/package.json': manifest('@hansa/node', [
    '@hansa/foundation',
    '@hansa/capabilities',
    '@hansa/store-a',
  ]),
  'client/package.json': manifest('@hansa/client', ['@hansa/foundation', '@hansa/capabilities']),
  'cli/package.json': manifest('@hansa/cli', [
    '@hansa/foundation',
    '@hansa/capabilities',
    '@hansa/client',
    '@hansa/node',
    '@hansa/verify',
  ]),
  'verify/package.json': manifest('@hansa/verify', ['@noble/hashes', '@hansa/foundation', 'zod']),
  'testkit/package.json': manifest('@hansa/testkit', ['@hansa/foundation']),
};

function planted(files: Readonly<Record<string, string>>): House {
  return houseOf(new Map(Object.entries(files)));
}

function importing(path: string, code: string): string[] {
  return floorBreaches(planted({ ...everyPackage, [path]: code }));
}

describe('floors and rooms', () => {
  it.each([
    ['foundation/a.ts', `import { b } from '@hansa/store-a';`, 'below everything else'],
    ['foundation/a.ts', `import { b } from 'node:fs';`, 'does not touch the outside'],
    ['foundation/a.ts', `import { b } from 'lmdb';`, 'zod is the only outside package'],
    ['foundation/a.ts', `import { b } from './index.ts';`, 'nobody inside uses the front door'],
    ['foundation/a.ts', `export { b } from '../node/b.ts';`, 'below everything else'],
    ['drivers/store-a/a.ts', `import { b } from '@hansa/store-b';`, 'do not know each other'],
    ['drivers/store-a/a.ts', `import { b } from 'msgpackr';`, 'does not declare msgpackr'],
    ['drivers/store-a/a.ts', `import { b } from '../../foundation/b.ts';`, 'leaves the package'],
    ['drivers/store-a/a.ts', `import { b } from '@hansa/capabilities/forge/git';`, 'import type'],
    ['capabilities/x/a.ts', `import { b } from '@hansa/store-a';`, 'the rest is handed in'],
    ['capabilities/x/a.ts', `import { b } from 'node:fs';`, 'does not touch the outside'],
    ['capabilities/x/a.ts', `import { b } from '../y/service.ts';`, 'only door of capabilities/y'],
    ['capabilities/x/cli.ts', `import { b } from './service.ts';`, 'sees contract.ts only'],
    ['capabilities/x/cli-b.ts', `import { b } from './keys.ts';`, 'sees contract.ts only'],
    ['capabilities/x/http.ts', `import { b } from '../y/contract.ts';`, 'its own contract only'],
    ['capabilities/x/service.ts', `import { b } from './http.ts';`, 'only capability.ts ties'],
    ['capabilities/x/contract.ts', `import { b } from './wire.ts';`, 'only capability.ts ties'],
    ['capabilities/x/contract.ts', `import { b } from './keys.ts';`, 'contract, keys, service'],
    ['capabilities/x/keys.ts', `import { b } from './service.ts';`, 'contract, keys, service'],
    ['capabilities/x/a.ts', `import { b } from './capability.ts';`, 'only capability.ts ties'],
    ['node/a.ts', `import { b } from '@hansa/capabilities/x/service';`, 'by its capability.ts'],
    ['node/a.ts', `import { b } from '@hansa/client';`, 'sees foundation, drivers and'],
    ['node/a.ts', `import { b } from '@hansa/store-b';`, 'does not declare @hansa/store-b'],
    ['client/a.ts', `import { b } from '@hansa/capabilities/x/cli';`, 'only the contract.ts'],
    ['cli/a.ts', `import { b } from '@hansa/node';`, 'by a dynamic import only'],
    ['cli/a.ts', `import { b } from '@hansa/capabilities/x/service';`, 'contract.ts and cli.ts'],
    ['node/a.ts', `import { b } from '@hansa/testkit';`, 'only tests see testkit'],
    ['verify/a.ts', `import { b } from '@hansa/foundation';`, 'shares no code with what it judges'],
    ['verify/a.ts', `import type { B } from '@hansa/foundation';`, 'shares no code'],
    ['verify/a.ts', `import { z } from 'zod';`, 'node and @noble/hashes alone'],
    ['node/a.ts', `import { b } from '@hansa/verify';`, 'sees foundation, drivers and'],
  ])('%s may not say %s', (path, code, why) => {
    expect(importing(path, code)).toEqual([expect.stringContaining(why)]);
  });

  it.each([
    ['foundation/a.ts', `import { z } from 'zod';`],
    ['drivers/store-a/a.ts', `import { b } from 'lmdb'; import { c } from 'node:fs';`],
    ['drivers/store-a/a.ts', `import type { Git } from '@hansa/capabilities/forge/git';`],
    ['capabilities/x/a.ts', `import { b } from '../y/contract.ts';`],
    ['capabilities/x/cli.ts', `import { b } from './contract.ts'; import { c } from './cli-c.ts';`],
    ['capabilities/x/service.ts', `import { b } from './keys.ts'; import { c } from './merge.ts';`],
    ['capabilities/x/service.ts', `import { b } from './wire.ts';`],
    ['capabilities/x/wire.ts', `import { b } from '../y/contract.ts';`],
    ['capabilities/x/capability.ts', `import { b } from './http.ts';`],
    ['capabilities/x/x.test.ts', `import { b } from '@hansa/testkit'; import 'node:fs';`],
    ['node/a.ts', `import { b } from '@hansa/capabilities/x/capability';`],
    ['node/a.ts', `import type { Git } from '@hansa/capabilities/forge/git';`],
    ['client/a.ts', `import { b } from '@hansa/capabilities/x/contract';`],
    ['cli/a.ts', `const node = await import('@hansa/node');`],
    ['cli/a.ts', `import { b } from '@hansa/capabilities/x/cli';`],
    ['cli/a.ts', `import { b } from '@hansa/verify';`],
    ['verify/a.ts', `import { b } from '@noble/hashes/blake3.js'; import 'node:crypto';`],
    ['verify/a.ts', `import { b } from './b.ts';`],
    ['verify/a.test.ts', `import { b } from '../testkit/b.ts';`],
    ['benchmarks/a.ts', `import { b } from '@hansa/testkit'; import { c } from '../node/c.ts';`],
  ])('%s may say %s', (path, code) => {
    expect(importing(path, code)).toEqual([]);
  });
});

function functionOf(lines: number): string {
  return `function long() {\n${'  go();\n'.repeat(lines - 2)}}\n`;
}

describe('sizes', () => {
  it('a file of 400 lines is the largest', () => {
    const files = { 'a.ts': 'go();\n'.repeat(400), 'b.ts': 'go();\n'.repeat(401) };
    expect(fileBreaches(planted(files))).toEqual([expect.stringMatching(/^b\.ts:1 has 401/)]);
  });

  it('a function of 70 lines is the largest', () => {
    const files = { 'a.ts': functionOf(70), 'b.ts': `go();\n${functionOf(71)}` };
    expect(functionBreaches(planted(files))).toEqual([expect.stringMatching(/^b\.ts:2 .* 71/)]);
  });

  it('a group of tests and a suite may be as long as they need', () => {
    const body = 'go();\n'.repeat(80);
    const files = {
      'a.test.ts': `describe.skipIf(no)('a', () => {\n${body}});\n`,
      'a.suite.ts': `export function suite() {\n${body} it('b', () => {});\n}\n`,
      'b.test.ts': functionOf(80),
    };
    expect(functionBreaches(planted(files))).toEqual([expect.stringContaining('b.test.ts:1')]);
  });

  it('a line has 100 columns at most, unless it holds an address or the title of a test', () => {
    const wide = `// ${'x'.repeat(98)}`;
    const files = {
      'a.ts': `go();\n${wide}\n`,
      'b.ts': `${wide} https://example.org/\n`,
      'b.test.ts': `  it('${wide}', () => {});\n`,
    };
    expect(columnBreaches(planted(files))).toEqual([expect.stringMatching(/^a\.ts:2 .* 101/)]);
  });
});

describe('names', () => {
  it.each(['scripts/utils.ts', 'node/types.ts', 'node/shared/a.ts', 'node/helpers.test.ts'])(
    '%s says nothing',
    (path) => {
      expect(nameBreaches(planted({ [path]: '' }))).toHaveLength(1);
    },
  );

  it.each(['node/openLink.ts', 'node/Open/a.ts', 'docs/some_page.md'])(
    '%s is not in kebab-case',
    (path) => {
      expect(nameBreaches(planted({ [path]: '' }))).toHaveLength(1);
    },
  );

  it.each(['README.md', 'node/open-link.sim.test.ts', 'foundation/platform.d.ts', '.ci/a.ts'])(
    '%s is a good name',
    (path) => {
      expect(nameBreaches(planted({ [path]: '' }))).toEqual([]);
    },
  );

  it('a door only re-exports by name, and nothing is a default export', () => {
    const files = {
      'a/index.ts': `export { b } from './b.ts';\nexport const c = 1;\n`,
      'a/b.ts': `export default 1;\n`,
      'a/d.ts': `export * from './b.ts';\n`,
      'vitest.config.ts': `export default {};\n`,
    };
    expect(exportBreaches(planted(files)).map((one) => one.split(' ')[0])).toEqual([
      'a/index.ts:2',
      'a/b.ts:1',
      'a/d.ts:1',
    ]);
  });

  it('a comment may say TODO only with the number of an issue', () => {
    const files = { 'a.ts': '// TODO(#12): later\n', 'b.ts': '/* TODO: later */\n' };
    expect(tagBreaches(planted(files))).toEqual([expect.stringContaining('b.ts:1')]);
  });
});

describe('registers', () => {
  it('a code that nothing outside the tests names is unused', () => {
    const house = planted({ 'a.ts': `f('LINK_A');`, 'b.test.ts': `f('LINK_B');` });
    expect(unusedCodes(house, ['LINK_A', 'LINK_B'])).toEqual(['LINK_B']);
  });

  it('a comment or document speaks only of registered codes', () => {
    const house = planted({ 'a.ts': '\n// Throws LINK_B.\n', 'b.md': 'LINK_A or SOME_THING' });
    expect(codeBreaches(house, ['LINK_A'])).toEqual([expect.stringMatching(/^a\.ts:2 .*LINK_B/)]);
  });

  it('two tables of one capability have two names', () => {
    const one = `const a = table({ store, name: 'a', schema });\n`;
    const house = planted({
      'capabilities/x/keys.ts': `${one}const b = table({ name: 'a' });\n`,
      'capabilities/y/keys.ts': one,
    });
    expect(tableBreaches(house)).toEqual([expect.stringContaining('capabilities/x/keys.ts:2')]);
  });
});

describe('documents and packages', () => {
  it('a document has one title, and what is fenced is none', () => {
    const house = planted({
      'a.md': '# A\n\n```sh\n# a comment\n```\n',
      'b.md': '# B\n\n# C\n',
      'c.md': 'words\n',
      'changes/d.md': 'words\n',
    });
    expect(titleBreaches(house).map((one) => one.slice(0, 4))).toEqual(['b.md', 'c.md']);
  });

  it('a link leads to a file or folder that is there', () => {
    const house = planted({
      'docs/a.md': '[b](b.md#part) [c](../node/) [d](https://example.org) [e](#part) [f](f.md)',
      'docs/b.md': '',
      'node/c.ts': '',
    });
    expect(linkBreaches(house)).toEqual([expect.stringContaining('leads to f.md')]);
  });

  it('a capability without README, contract or test is told so', () => {
    const house = planted({ 'capabilities/x/service.ts': '', 'capabilities/package.json': '{}' });
    expect(capabilityBreaches(house)).toHaveLength(3);
  });

  it('a folder of a machine and a registry are named nowhere', () => {
    const house = planted({
      'a.md': ['see ', 'work', 'main'].join('/'),
      'b.md': `from https://${['registry', 'example', 'org'].join('.')}/`,
      'package-lock.json': '{ "resolved": "https://example.org/a.tgz" }',
      'c.md': 'the registry. And ./tmp/x, homework/x, https://example.org/work/x',
    });
    expect(placeBreaches(house).map((one) => one.split(':')[0])).toEqual([
      'a.md',
      'b.md',
      'package-lock.json',
    ]);
  });

  it('a dependency is exact and the same everywhere', () => {
    const house = planted({
      'a/package.json': '{ "dependencies": { "x": "1.0.0", "y": "^1.0.0" } }',
      'b/package.json': '{ "devDependencies": { "x": "1.0.1" } }',
    });
    expect(versionBreaches(house)).toHaveLength(2);
  });
});
