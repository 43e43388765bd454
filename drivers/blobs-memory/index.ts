export { createMemoryBlobs, type MemoryBlobs } from './memory-blobs.ts';
