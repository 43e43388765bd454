// Ties streams to their host: a contract for people, a kind for sync, the duty that trims.
import { capability, type Capability } from '@hansa/foundation';
import { streamContract } from './contract.ts';
import { createStreams, type StreamNeeds } from './service.ts';

export function streamCapability(needs: StreamNeeds): Capability {
  const { streams, kind, keepTrimming } = createStreams(needs);
  needs.mirrors.registerKind(kind);
  return capability({
    name: 'stream',
    serves: [{ contract: streamContract, service: streams }],
    duties: [{ name: 'stream.trim', run: keepTrimming }],
  });
}
