// Ties receipts to their host: what people ask, what owners say to us, and both duties.
import { capability, type Capability } from '@hansa/foundation';
import { receiptsContract } from './contract.ts';
import { createReceipts, type ReceiptsNeeds } from './service.ts';
import { receiptsPeerContract } from './wire.ts';

export function receiptsCapability(needs: ReceiptsNeeds): Capability {
  const service = createReceipts(needs);
  const caches = new AbortController();
  return capability({
    name: 'receipts',
    serves: [{ contract: receiptsContract, service: service.receipts }],
    servesPeers: [{ contract: receiptsPeerContract, service: service.peer }],
    duties: [
      { name: 'receipts.tell', run: (signal) => service.tell(signal) },
      { name: 'receipts.purge', run: (signal) => service.purge(signal) },
    ],
    start: () => service.start(caches.signal),
    stop: async () => caches.abort(),
  });
}
