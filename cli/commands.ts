// Every command, in the order of their nouns: what `hansa --help` lists.
import { resolve } from 'node:path';
import { accessCommands } from '@hansa/capabilities/access/cli';
import { appsCommands } from '@hansa/capabilities/apps/cli';
import { auditCommands } from '@hansa/capabilities/audit/cli';
import { backupsCommands } from '@hansa/capabilities/backups/cli';
import { barriersCommands } from '@hansa/capabilities/barriers/cli';
import { catalogCommands } from '@hansa/capabilities/catalog/cli';
import { certificatesCommands } from '@hansa/capabilities/certificates/cli';
import { numberCommands } from '@hansa/capabilities/counters/cli';
import { daemonCommands } from '@hansa/capabilities/daemon/cli';
import { directoryCommands } from '@hansa/capabilities/directory/cli';
import { discoveryCommands } from '@hansa/capabilities/discovery/cli';
import { doctorCommands } from '@hansa/capabilities/doctor/cli';
import { documentCommands } from '@hansa/capabilities/document/cli';
import { electionsCommands } from '@hansa/capabilities/elections/cli';
import { forgeCommands } from '@hansa/capabilities/forge/cli';
import { greetingCommands } from '@hansa/capabilities/greeting/cli';
import { kindCommands } from '@hansa/capabilities/kind-providers/cli';
import { kvCommands } from '@hansa/capabilities/kv/cli';
import { lanesCommands } from '@hansa/capabilities/lanes/cli';
import { identityCommands } from '@hansa/capabilities/identity/cli';
import { linksCommands } from '@hansa/capabilities/links/cli';
import { locksCommands } from '@hansa/capabilities/locks/cli';
import { loginsCommands } from '@hansa/capabilities/logins/cli';
import { metricsCommands } from '@hansa/capabilities/metrics/cli';
import { namespaceCommands } from '@hansa/capabilities/namespaces/cli';
import { nodesCommands } from '@hansa/capabilities/nodes/cli';
import { policiesCommands } from '@hansa/capabilities/policies/cli';
import { quarantineCommands } from '@hansa/capabilities/quarantine/cli';
import { queuesCommands } from '@hansa/capabilities/queues/cli';
import { receiptsCommands } from '@hansa/capabilities/receipts/cli';
import { recoveryCommands } from '@hansa/capabilities/recovery/cli';
import { scrubCommands } from '@hansa/capabilities/scrub/cli';
import { sealingCommands } from '@hansa/capabilities/sealing/cli';
import { servicesCommands } from '@hansa/capabilities/services/cli';
import { signalCommands } from '@hansa/capabilities/signals/cli';
import { streamCommands } from '@hansa/capabilities/stream/cli';
import { syncCommands } from '@hansa/capabilities/sync/cli';
import { tokensCommands } from '@hansa/capabilities/tokens/cli';
import { tracingCommands } from '@hansa/capabilities/tracing/cli';
import { trustCommands } from '@hansa/capabilities/trust/cli';
import type { Command } from '@hansa/foundation';
import { auditTerminal } from './audit-terminal.ts';
import { backupCommands } from './backup-commands.ts';
import { certificateFiles } from './certificate-files.ts';
import { contextAdd } from './context-add.ts';
import { downCommands } from './down-command.ts';
import { keyDirectoryCommands } from './key-directory-commands.ts';
import { localCommands, type LocalCommand } from './local-commands.ts';
import { loginCommands } from './login-commands.ts';
import { programTerminal } from './program-runner.ts';
import { loginTerminal } from './secret-input.ts';
import { signalServe } from './signal-serve.ts';
import { signalTerminal } from './signal-terminal.ts';
import { signalTokenSign } from './signal-token.ts';
import { storeCommands } from './store-commands.ts';
import { readToken, tokenCommands } from './token-commands.ts';
import { verifyCommands } from './verify-command.ts';
import { lastingTerminal } from './terminal.ts';
import { valueFiles } from './value-files.ts';

/** Commands that call a node. */
export const nodeCommands: readonly Command[] = [
  ...accessCommands(valueFiles),
  ...appsCommands,
  ...auditCommands(auditTerminal),
  ...backupsCommands((path) => resolve(path)),
  ...barriersCommands,
  ...catalogCommands,
  ...certificatesCommands(certificateFiles),
  ...numberCommands,
  ...daemonCommands,
  ...directoryCommands,
  ...discoveryCommands,
  ...doctorCommands,
  ...documentCommands(valueFiles),
  ...electionsCommands(programTerminal),
  ...forgeCommands,
  ...greetingCommands,
  ...identityCommands,
  ...kindCommands,
  ...kvCommands(valueFiles),
  ...keyDirectoryCommands,
  ...lanesCommands,
  ...linksCommands,
  ...locksCommands(programTerminal),
  ...loginsCommands(loginTerminal),
  ...metricsCommands,
  ...namespaceCommands,
  ...nodesCommands,
  ...policiesCommands,
  ...quarantineCommands,
  ...queuesCommands({ me: programTerminal.me, read: (path) => valueFiles.read(path) }),
  ...receiptsCommands,
  ...recoveryCommands,
  ...scrubCommands,
  ...sealingCommands((path) => resolve(path)),
  ...servicesCommands(programTerminal),
  ...signalCommands(signalTerminal),
  ...streamCommands(lastingTerminal),
  ...syncCommands,
  ...tokensCommands(readToken),
  ...tracingCommands,
  ...trustCommands,
];

/** All of them. */
export const commands: readonly (Command | LocalCommand)[] = [
  ...nodeCommands,
  ...tokenCommands,
  ...verifyCommands,
  ...loginCommands,
  ...backupCommands,
  ...storeCommands,
  signalServe,
  signalTokenSign,
  contextAdd,
  ...downCommands,
  ...localCommands,
];
