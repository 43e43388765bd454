export { MemoryShelf } from './memory-shelf.ts';
export { createMemoryStore } from './memory-store.ts';
