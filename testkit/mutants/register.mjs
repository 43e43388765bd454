// Before tsx, so that it compiles what these hooks hand over. Plain JavaScript: nothing that could
// compile it is there yet.
import { register } from 'node:module';

register('./hooks.mjs', import.meta.url, { data: JSON.parse(process.env.HANSA_MUTANT ?? '{}') });
