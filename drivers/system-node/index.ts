export { createSystemClock } from './system-clock.ts';
export { createSystemRandom } from './system-random.ts';
export { createJsonLog, type JsonLogNeeds, type LogLevel } from './json-log.ts';
