export { announceService, type AnnouncedService } from './announcing.ts';
export { createMdnsNetwork, type MdnsNeeds } from './mdns-network.ts';
