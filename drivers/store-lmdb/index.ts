export { lockFolder, type FolderLock } from './folder-lock.ts';
export { openLmdbStore, type LmdbStoreNeeds } from './lmdb-store.ts';
