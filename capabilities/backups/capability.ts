// Backups as the node hosts them.
import { capability, type Capability } from '@hansa/foundation';
import { backupsContract } from './contract.ts';
import { createBackups, type BackupsNeeds } from './service.ts';

export function backupsCapability(needs: BackupsNeeds): Capability {
  const { backups, stop } = createBackups(needs);
  return capability({
    name: backupsContract.name,
    serves: [{ contract: backupsContract, service: backups }],
    stop,
  });
}
