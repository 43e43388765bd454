export type { RoleGrant, Account, RoleDefinition, Directories } from './uses.ts';
