import { createHandClock } from '../../testkit/hand-clock.ts';
import { inScope, storeSuite } from '../../testkit/store.suite.ts';
import type { StoreFixture } from '../../testkit/store-fixture.ts';
import { createMemoryStore } from './memory-store.ts';

async function make(): Promise<StoreFixture> {
  const clock = createHandClock();
  const store = createMemoryStore({ clock });
  return { store, clock, cleanup: () => store.close() };
}

storeSuite('the memory store', make);
storeSuite('a scope of the memory store', inScope(make));
