export { openIrohTransport, type IrohNeeds } from './iroh-transport.ts';
