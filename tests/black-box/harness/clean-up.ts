// Before each file, by vitest's setup: whatever the file's tests make is gone after it, whether
// they pass or not.
import { afterAll } from 'vitest';
import { cleanUp } from './after-file.ts';

afterAll(cleanUp, 60_000);
