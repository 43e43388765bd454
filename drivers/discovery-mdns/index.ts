export { createMdnsNetwork, type MdnsNeeds } from './mdns-network.ts';
