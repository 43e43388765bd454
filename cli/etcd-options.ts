// How a command that needs no node is told what opens stores: of etcd as `hansa up` is told, and of
// a sealed folder.
import { textOption, type CommandOption } from '@hansa/foundation';
import type { LocalContext } from './local-commands.ts';

export const etcdOptions: readonly CommandOption[] = [
  { flags: '--store-ca <file>', description: 'authority of etcd’s certificate (etcds://)' },
  { flags: '--store-cert <file>', description: 'certificate that etcd asks for' },
  { flags: '--store-key <file>', description: 'key of that certificate' },
  { flags: '--store-user <user>', description: 'its password from HANSA_STORE_PASSWORD' },
];

export interface EtcdGiven {
  readonly caFile: string | undefined;
  readonly certFile: string | undefined;
  readonly keyFile: string | undefined;
  readonly user: string | undefined;
}

export function etcdGiven(context: LocalContext): EtcdGiven {
  return {
    caFile: textOption(context, 'storeCa'),
    certFile: textOption(context, 'storeCert'),
    keyFile: textOption(context, 'storeKey'),
    user: textOption(context, 'storeUser'),
  };
}

export interface OfflineGiven {
  readonly sealKeyFile: string | undefined;
  readonly sealAgeIdentity: string | undefined;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly signal: AbortSignal;
  progress(line: string): void;
}

export function offlineGiven(context: LocalContext): OfflineGiven {
  return {
    sealKeyFile: textOption(context, 'sealKeyFile'),
    sealAgeIdentity: textOption(context, 'sealAgeIdentity'),
    environment: process.env,
    signal: new AbortController().signal,
    progress: () => undefined,
  };
}
