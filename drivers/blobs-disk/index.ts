export { openDiskBlobs, type DiskBlobsNeeds } from './disk-blobs.ts';
