export type { Act, AuditSink } from './uses.ts';
