// The writer of backups as a node has it, between its drivers and the capability that is asked.
import type { BackupWriter } from '@hansa/capabilities/backups/contract';
import { writeBackup, type BackupWriterNeeds } from './writing.ts';

export function createBackupWriter(needs: BackupWriterNeeds): BackupWriter {
  return { write: (order) => writeBackup(needs, order) };
}
