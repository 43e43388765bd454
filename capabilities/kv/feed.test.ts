import { createNodeCrypto } from '@hansa/crypto-node';
import { federatedId, localId } from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { clusterOf } from '../../testkit/test-cluster.ts';
import { kvKind } from './contract.ts';
import { createFeed, feedChangesMax, type FeedChange } from './feed.ts';

const bergen = clusterOf(createNodeCrypto(), 7);
const one = federatedId(bergen, localId(kvKind, 'config'));
const two = federatedId(bergen, localId(kvKind, 'other'));

describe('the feed', () => {
  const put = (previous: number): FeedChange => ({
    previous,
    sequence: previous + 1,
    events: [{ key: 'a', cell: undefined }],
  });

  test('is bounded over all mirrors: the oldest changes of any go first', () => {
    const feed = createFeed();
    feed.publish(one, [put(1)]);
    feed.publish(
      two,
      Array.from({ length: feedChangesMax - 1 }, (_, at) => put(at)),
    );
    expect(feed.after(one, undefined)?.previous).toBe(1);
    feed.publish(two, [put(feedChangesMax)]);
    expect(feed.after(one, undefined)).toBeUndefined();
    expect(feed.newest(one)).toBe(2);
    expect(feed.after(two, undefined)?.previous).toBe(0);
  });

  test('forgets a mirror that was dropped, and nothing of the others', () => {
    const feed = createFeed();
    feed.publish(one, [put(1), put(2)]);
    feed.publish(two, [put(1)]);
    feed.drop(one);
    expect(feed.newest(one)).toBeUndefined();
    expect(feed.after(two, 1)).toEqual(put(1));
  });
});
