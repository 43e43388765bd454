export { openDhtDirectory, type DhtDirectory, type DhtNeeds } from './dht-directory.ts';
