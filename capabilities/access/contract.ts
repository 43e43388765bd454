export type { Decision, AccessControl } from './uses.ts';
