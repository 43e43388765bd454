export { sessionMark, type PrincipalCaller, type Sessions } from './uses.ts';
