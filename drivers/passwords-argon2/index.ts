export { createArgon2Hashing } from './argon2-hashing.ts';
