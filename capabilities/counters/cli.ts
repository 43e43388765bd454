// `hansa counter …`, `hansa sequence …` and `hansa limiter …`.
import type { Command } from '@hansa/foundation';
import { counterCommands } from './cli-counters.ts';
import { limiterCommands } from './cli-limiters.ts';

export const numberCommands: readonly Command[] = [...counterCommands, ...limiterCommands];
