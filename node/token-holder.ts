// What a person does with tokens on this machine without any node: for the command line, which
// loads it when asked.
import { createHolder, type Holder } from '@hansa/capabilities/tokens/capability';
import { createNodeCrypto } from '@hansa/crypto-node';
import { createSystemClock, createSystemRandom } from '@hansa/system-node';

export function openHolder(): Holder {
  return createHolder({
    crypto: createNodeCrypto(),
    random: createSystemRandom(),
    clock: createSystemClock(),
  });
}
