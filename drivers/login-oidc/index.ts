export { createOpenIdProvider } from './open-id.ts';
