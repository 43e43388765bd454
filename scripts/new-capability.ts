// `npm run new capability <name>`: copies capabilities/greeting under another name, and says what
// is next.
import { fileURLToPath } from 'node:url';
import { checklist, copyCapability } from './skeleton/copy.ts';

const [what, name, ...rest] = process.argv.slice(2);
if (what !== 'capability' || name === undefined || rest.length > 0) {
  console.error('usage: npm run new capability <name>');
  process.exit(2);
}
try {
  const paths = copyCapability(fileURLToPath(new URL('..', import.meta.url)), name);
  console.log(`${paths.map((path) => `wrote ${path}`).join('\n')}\n\nnext:\n${checklist(name)}`);
} catch (error) {
  console.error(error instanceof Error ? error.message : String(error));
  process.exit(1);
}
