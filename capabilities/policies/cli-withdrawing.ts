// Copies that peers hold of what a removed rule had shared, where a day is too long to wait.
import { remote, type CommandContext } from '@hansa/foundation';
import { receiptsContract } from '../receipts/contract.ts';
import type { Foreseen } from './contract.ts';

/** Does not wait a day. */
export async function hurryMirrors(
  { carrier, signal }: CommandContext,
  { mirrors }: Foreseen,
): Promise<void> {
  const copies = mirrors.map(({ peer, id }) => ({ peer, resource: id }));
  if (copies.length > 0) {
    await remote(receiptsContract, carrier).hurry({ copies }, { signal });
  }
}
