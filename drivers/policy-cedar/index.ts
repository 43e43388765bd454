export { createCedarEngine } from './engine.ts';
