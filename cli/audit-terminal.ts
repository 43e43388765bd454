// Time and files as the commands of the audit need them; an export is checked by the program that
// shares no code with a node.
import { open } from 'node:fs/promises';
import type { AuditTerminal } from '@hansa/capabilities/audit/cli';
import { HansaError, parseDuration } from '@hansa/foundation';
import { readMoment, verifyFiles } from '@hansa/verify';
import { lastingTerminal } from './terminal.ts';
import { toldReport } from './verify-command.ts';

export const auditTerminal: AuditTerminal = {
  print: (item, line) => lastingTerminal.print(item, line),
  moment(text) {
    return readMoment(text) ?? Date.now() - agoMs(text);
  },
  async create(path) {
    // Only its owner reads it: it says who did what.
    const file = await open(path, 'wx', 0o600).catch((cause: unknown) => {
      throw new HansaError('INPUT_INVALID', `${path} cannot be made, or is there already`, {
        cause,
        fix: 'name a new file in a folder that is there: nothing is written over',
      });
    });
    return {
      line: async (text) => void (await file.write(`${text}\n`)),
      close: () => file.close(),
    };
  },
  verifyFile: async (path) => toldReport(await verifyFiles([path], { atMs: Date.now() })),
};

function agoMs(text: string): number {
  try {
    return parseDuration(text);
  } catch (cause) {
    throw new HansaError('USAGE', `"${text}" is no time`, {
      cause,
      fix: 'write 2026-01-31T12:00:00Z, or 90d for so long ago',
    });
  }
}
