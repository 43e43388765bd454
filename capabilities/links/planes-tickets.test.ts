import { createNodeCrypto } from '@hansa/crypto-node';
import { isHansaError } from '@hansa/foundation';
import { beforeEach, describe, expect, test } from 'vitest';
import { createHandClock, type HandClock } from '../../testkit/hand-clock.ts';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import { clusterOf, nodeOf } from '../../testkit/test-cluster.ts';
import { reachable } from './planes-opening.ts';
import {
  createTicketBook,
  ticketLifeMs,
  ticketsMax,
  ticketsPerPeerMax,
  type Grant,
  type TicketBook,
} from './planes-tickets.ts';

const crypto = createNodeCrypto();
const node = nodeOf(crypto, 2);
const grant: Grant<string> = { peer: clusterOf(crypto, 1), node, purpose: 'blobs' };

let clock: HandClock;
let book: TicketBook<string>;

beforeEach(() => {
  clock = createHandClock();
  book = createTicketBook<string>({ clock, random: createSeededRandom(1) });
});

describe('a ticket', () => {
  test('lets the node in for which it was made, with what it was made for', () => {
    const ticket = book.issue(grant);
    expect(ticket).toHaveLength(32);
    expect(book.redeem(ticket, node)).toEqual(grant);
  });

  test('lets in once', () => {
    const ticket = book.issue(grant);
    book.redeem(ticket, node);
    expect(book.redeem(ticket, node)).toBe('used');
  });

  test('lets in for ten seconds', () => {
    const [early, late] = [book.issue(grant), book.issue(grant)];
    clock.advance(ticketLifeMs - 1);
    expect(book.redeem(early, node)).toEqual(grant);
    clock.advance(1);
    expect(book.redeem(late, node)).toBe('expired');
  });

  test('lets nobody else in, and is worth nothing after another came with it', () => {
    const ticket = book.issue(grant);
    expect(book.redeem(ticket, nodeOf(crypto, 3))).toBe('other node');
    expect(book.redeem(ticket, node)).toBe('used');
  });

  test('that was never made, or is no ticket at all, is worth nothing', () => {
    book.issue(grant);
    expect(book.redeem(new Uint8Array(32), node)).toBe('unknown');
    expect(book.redeem(new Uint8Array(31), node)).toBe('malformed');
    expect(book.redeem(new Uint8Array(0), node)).toBe('malformed');
  });

  test('is never the same twice', () => {
    expect(book.issue(grant)).not.toEqual(book.issue(grant));
  });
});

describe('the book of tickets', () => {
  test('expects a node exactly while a ticket of its is open', () => {
    expect(book.expects(node)).toBe(false);
    const ticket = book.issue(grant);
    expect([book.expects(node), book.expects(nodeOf(crypto, 3))]).toEqual([true, false]);
    book.withdraw(ticket);
    expect([book.expects(node), book.size]).toEqual([false, 0]);
    book.issue(grant);
    clock.advance(ticketLifeMs);
    expect([book.expects(node), book.size]).toEqual([false, 0]);
  });

  test('holds few of one peer, and not many of all', () => {
    const full = (make: () => void): boolean => {
      try {
        make();
        return false;
      } catch (error) {
        return isHansaError(error, 'RATE_LIMITED');
      }
    };
    for (let at = 0; at < ticketsPerPeerMax; at += 1) {
      book.issue(grant);
    }
    expect(full(() => book.issue(grant))).toBe(true);
    for (let peer = 2; book.size < ticketsMax; peer += 1) {
      const other = { ...grant, peer: clusterOf(crypto, (peer % 250) + 1) };
      if (full(() => book.issue(other))) {
        break;
      }
    }
    clock.advance(ticketLifeMs);
    expect(full(() => book.issue(grant))).toBe(false);
  });
});

describe('addresses of a plane that a peer tells', () => {
  test('are dialled only on hosts to which the link itself goes', () => {
    const link = ['10.0.0.2:4000', '[fd00::2]:4000', 'https://relay.example/'];
    expect(reachable(['10.0.0.2:5000', '[fd00::2]:5001', '10.0.0.9:22'], link)).toEqual([
      '10.0.0.2:5000',
      '[fd00::2]:5001',
    ]);
    expect(reachable(['10.0.0.2:5000'], [])).toEqual([]);
    expect(reachable(['', ':80', 'http://10.0.0.2:80/'], link)).toEqual([]);
  });

  test('are few', () => {
    const many = Array.from({ length: 100 }, (_, at) => `10.0.0.2:${at + 1}`);
    expect(reachable(many, ['10.0.0.2:4000'])).toHaveLength(8);
  });
});
