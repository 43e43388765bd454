// What every key-value store must do, whatever its engine: run by each driver, and once more inside
// a scope, which must be indistinguishable from a store.
import { scopeStore } from '@hansa/foundation';
import { afterEach, beforeEach, describe } from 'vitest';
import type { MakeStore, StoreFixture } from './store-fixture.ts';
import { historyIsKept } from './store-history.suite.ts';
import { leasesEnd } from './store-leases.suite.ts';
import { behavesLikeItsModel } from './store-model.suite.ts';
import { recordsAreKept } from './store-records.suite.ts';
import { transactionsAreWhole } from './store-transactions.suite.ts';
import { watchersMissNothing } from './store-watch.suite.ts';

/** Where time is the engine's own, what takes minutes of it is not tried. */
export function storeSuite(
  title: string,
  make: MakeStore,
  time: { readonly movesTime: boolean } = { movesTime: true },
): void {
  describe(title, () => {
    let fixture: StoreFixture;
    beforeEach(async () => {
      fixture = await make();
    });
    afterEach(async () => {
      await fixture.cleanup();
    });
    const current = (): StoreFixture => fixture;
    describe('records', () => recordsAreKept(current));
    describe('transactions', () => transactionsAreWhole(current, time));
    describe('history', () => historyIsKept(current));
    describe('watches', () => watchersMissNothing(current));
    describe('leases', () => leasesEnd(current, time));
    describe('model', () => behavesLikeItsModel(current));
  });
}

/** The same store seen through a scope, beside a neighbour that must stay unseen. */
export function inScope(make: MakeStore): MakeStore {
  return async () => {
    const fixture = await make();
    const neighbour = scopeStore(fixture.store, 'scopf');
    await neighbour.set(Uint8Array.of(0), Uint8Array.of(1));
    await fixture.store.set(Uint8Array.of(0xff), Uint8Array.of(1));
    return { ...fixture, store: scopeStore(scopeStore(fixture.store, 'scope'), 'inner') };
  };
}
