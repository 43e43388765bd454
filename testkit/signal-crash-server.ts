// A signal router of its own process with a store, which says its port and runs until it is killed.
import { silentLog } from '@hansa/foundation';
import { serveSignals } from '../node/signal-server.ts';

const [, , folder = ''] = process.argv;
const server = await serveSignals({
  host: '127.0.0.1',
  port: 0,
  open: true,
  folder,
  log: silentLog,
  options: {
    messagesPerSecondMax: 0,
    rules: [{ pattern: '/durable/**', durable: true }],
  },
});
process.stdout.write(`${server.port}\n`);
