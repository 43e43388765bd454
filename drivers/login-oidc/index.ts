export { createOpenIdProvider } from './on-demand.ts';
