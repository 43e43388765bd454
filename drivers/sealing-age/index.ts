export { openKeyring, type Keyring, type KeyringNeeds, type KeyringState } from './keyring.ts';
export { readKeyEncryptionKey, type KeyEncryptionKey, type KeySource } from './key-encryption.ts';
export { createSealer, type DataKeys } from './record-sealer.ts';
