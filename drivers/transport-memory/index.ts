export {
  createMemoryNetwork,
  type MemoryFaults,
  type MemoryNetwork,
  type MemoryNetworkNeeds,
} from './network.ts';
export { calmLink, type LinkTraits } from './path.ts';
