export { openEtcd, openEtcdStore, type EtcdStore, type EtcdStoreNeeds } from './etcd-store.ts';
export type { CallTimes, Credentials } from './calls.ts';
export type { EtcdTls } from './connection.ts';
export type { Defragmented } from './maintenance.ts';
