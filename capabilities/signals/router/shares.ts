// What one token may take of the places for sessions.
import { signalErrors } from '../frames/messages.ts';
import type { AdmissionRefusal, SignalAccess } from './access.ts';
import type { Core } from './core.ts';
import { routerLimits } from './limits.ts';

/** One token takes half of the places at most: a flood of its sessions keeps nobody else out. */
export function withinShare(core: Core, access: SignalAccess): SignalAccess | AdmissionRefusal {
  const { sessions, settings } = core;
  const most = Math.ceil(settings.sessionsMax * routerLimits.subjectShare);
  const own = [...sessions.values()].filter((each) => each.access.subject === access.subject);
  if (access.takesAll === true || own.length + 1 <= most) {
    return access;
  }
  access.lapse?.done();
  return { code: signalErrors.rate, message: 'one token has taken its share of all sessions' };
}
