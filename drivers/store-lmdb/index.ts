export { lockFolder, type FolderLock } from './folder-lock.ts';
export {
  openLmdbStore,
  openSealedLmdbStore,
  type InspectedStore,
  type LmdbStoreNeeds,
  type Resealed,
  type SealedLmdbNeeds,
  type SealedLmdbStore,
} from './lmdb-store.ts';
