// Whoever goes on writing signals at a cluster of several nodes, whatever becomes of a node: it
// comes again by the next, and remembers what it was told.
import type { SignalMessage } from '@hansa/capabilities/signals/frames/messages';
import { wireValue } from '@hansa/capabilities/signals/frames/values';
import { dialWebSocket } from '@hansa/signal-sockets';
import { openSignalClient, type SignalClient } from '../../../testkit/signal-client.ts';

export interface Acked {
  readonly address: string;
  readonly value: number;
  readonly revision: number;
  readonly atMs: number;
}

export interface SignalWriter {
  /** In the order in which they were told. */
  readonly acked: readonly Acked[];
  /** How often it has come again. */
  readonly returns: number;
  /** Resolves when what it has written last was answered. */
  end(): Promise<void>;
}

const aheadMax = 50; // writes that are not acknowledged yet
const paceMs = 5; // between two turns: a router takes a thousand messages a second of a session

export interface WriterNeeds {
  /** Where it goes, the first first. */
  readonly urls: readonly string[];
  readonly token: string;
  /** By the number of the write. */
  readonly addressOf: (number: number) => string;
}

export function writeSignals(needs: WriterNeeds): SignalWriter {
  return new Writer(needs);
}

class Writer implements SignalWriter {
  readonly acked: Acked[] = [];
  returns = -1;
  readonly #needs: WriterNeeds;
  readonly #living: Promise<void>;
  /** By address, the values that wait for their ACK, in order. */
  #unanswered = new Map<string, number[]>();
  #unansweredCount = 0;
  #number = 0;
  #ending = false;

  constructor(needs: WriterNeeds) {
    this.#needs = needs;
    this.#living = this.#live();
  }

  async end(): Promise<void> {
    this.#ending = true;
    await this.#living;
  }

  async #live(): Promise<void> {
    for (let at = 0; !this.#isDone(); at += 1) {
      const url = this.#needs.urls[at % this.#needs.urls.length] ?? '';
      try {
        await this.#attend(url);
      } catch {
        await pause(); // then by the next
      }
    }
  }

  #isDone(): boolean {
    return this.#ending && this.#unansweredCount === 0;
  }

  /** Rejects when the line is lost. */
  async #attend(url: string): Promise<void> {
    // What was not answered may have been taken, or not: nobody has promised it.
    this.#unanswered = new Map();
    this.#unansweredCount = 0;
    let lost = false;
    const client = await openSignalClient({
      dial: (accept) => dialWebSocket({ url, accept }),
      token: this.#needs.token,
      heard: (message) => this.#heard(message),
    });
    try {
      await client.next('welcome');
      this.returns += 1;
      client.next('announce').catch(() => (lost = true)); // it never comes; the end does
      while (!lost && !this.#isDone()) {
        this.#write(client);
        await pause();
      }
      if (lost) {
        throw new Error('the line is lost');
      }
    } finally {
      client.close();
    }
  }

  #write(client: SignalClient): void {
    for (let i = 0; i < 2 && !this.#ending && this.#unansweredCount < aheadMax; i += 1) {
      const value = this.#number;
      const address = this.#needs.addressOf(value);
      this.#number += 1;
      this.#unansweredCount += 1;
      this.#unanswered.set(address, [...(this.#unanswered.get(address) ?? []), value]);
      client.say({ type: 'set', address, value: wireValue(value), lock: false, unlock: false });
    }
  }

  #heard(message: SignalMessage): void {
    if (message.type === 'ack' && message.address !== undefined) {
      const { address, revision = 0 } = message;
      // Of one address ACKs come in the order of its SETs.
      const value = this.#unanswered.get(address)?.shift();
      if (value !== undefined) {
        this.#unansweredCount -= 1;
        this.acked.push({ address, value, revision, atMs: performance.now() });
      }
    }
  }
}

function pause(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, paceMs));
}
