// What any Blobs must do, on a disk or in memory.
import type { Blobs } from '@hansa/foundation';
import { afterEach, beforeEach, describe } from 'vitest';
import { collectingBlobs, removingBlobs } from './blobs-keeping.suite.ts';
import { receivingBlobs, sharingReceipts } from './blobs-receiving.suite.ts';
import { sampleBlob, type BlobsUnderTest, type Current } from './blobs-sample.ts';
import { damagedBlobs, storingBlobs } from './blobs-storing.suite.ts';

export function blobsSuite(title: string, make: () => Promise<BlobsUnderTest>): void {
  describe(title, () => {
    let under: BlobsUnderTest;
    let blobs: Blobs;
    let sample: ReturnType<Current>['sample'];

    beforeEach(async () => {
      under = await make();
      blobs = under.blobs;
      sample = (sizeBytes, seed) => sampleBlob(under.crypto, sizeBytes, seed);
    });
    afterEach(() => under.close());

    const current: Current = () => ({
      blobs,
      under,
      sample,
    });
    storingBlobs(current);
    damagedBlobs(current);
    receivingBlobs(current);
    sharingReceipts(current);
    removingBlobs(current);
    collectingBlobs(current);
  });
}
