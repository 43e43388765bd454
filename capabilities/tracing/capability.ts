// Ties tracing to its host: for people, and what peers may ask of a change.
import { capability, type Capability } from '@hansa/foundation';
import { tracingContract } from './contract.ts';
import { createHeldBook } from './held-book.ts';
import { createTracingPeer, type TracingPeerNeeds } from './peer-service.ts';
import { createTracing, type TracingNeeds } from './service.ts';
import { tracingPeerContract } from './wire.ts';

export function tracingCapability(
  given: Omit<TracingNeeds, 'held'> & TracingPeerNeeds,
): Capability {
  const held = createHeldBook(given.clock);
  given.mirrors.onHeld((peer, rows) => held.heard(peer, rows));
  const needs = { ...given, held };
  return capability({
    name: 'tracing',
    serves: [{ contract: tracingContract, service: createTracing(needs) }],
    servesPeers: [{ contract: tracingPeerContract, service: createTracingPeer(needs) }],
  });
}
