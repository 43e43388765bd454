// The house rules that a machine can hold, over the whole repository: STYLE.md says them in words.
// Every breach is one sentence with its place. The rules themselves are tried in
// tidy/rules.test.ts.
import { fileURLToPath } from 'node:url';

import { describe, expect, it } from 'vitest';
import { errorCodes } from '../foundation/error-codes.ts';
import { floorBreaches } from './tidy/floors.ts';
import { readHouse, type Rule } from './tidy/house.ts';
import { exportBreaches, nameBreaches, tagBreaches } from './tidy/names.ts';
import {
  capabilityBreaches,
  linkBreaches,
  placeBreaches,
  titleBreaches,
  versionBreaches,
} from './tidy/papers.ts';
import { codeBreaches, tableBreaches, unusedCodes } from './tidy/registers.ts';
import { columnBreaches, fileBreaches, functionBreaches } from './tidy/sizes.ts';

const house = readHouse(fileURLToPath(new URL('..', import.meta.url)));
const codes = Object.keys(errorCodes);

const rules: Readonly<Record<string, Rule>> = {
  'imports only go down, and enter by the door': floorBreaches,
  'a file is a room': fileBreaches,
  'a function is a paragraph': functionBreaches,
  'a line fits beside another': columnBreaches,
  'a name says what one finds there': nameBreaches,
  'a door names every guest': exportBreaches,
  'a comment carries no loose tag': tagBreaches,
  'an error code that is spoken of is registered': (all) => codeBreaches(all, codes),
  'a table has its name for itself': tableBreaches,
  'a document has one title': titleBreaches,
  'a link leads somewhere': linkBreaches,
  'a capability has a README, a contract and a test': capabilityBreaches,
  'no file names a machine or a registry': placeBreaches,
  'a dependency has one exact version': versionBreaches,
};

describe('the house is tidy', () => {
  it.each(Object.entries(rules))('%s', (_sentence, rule) => {
    expectNone(rule(house));
  });

  it('a registered error code is used somewhere', () => {
    expectNone(
      unusedCodes(house, codes).map(
        (code) => `foundation/error-codes.ts:1 registers ${code}; no file uses it`,
      ),
    );
  });
});

function expectNone(breaches: readonly string[]): void {
  if (breaches.length > 0) {
    expect.fail(`${breaches.length} to tidy:\n${breaches.join('\n')}\n`);
  }
}
