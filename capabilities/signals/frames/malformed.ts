// The one error that hostile bytes can cause.
import { HansaError } from '@hansa/foundation';

export function malformed(sentence: string): HansaError {
  return new HansaError('SIGNAL_FRAME_INVALID', sentence);
}

export function tooLarge(sentence: string): HansaError {
  return new HansaError('SIGNAL_FRAME_TOO_LARGE', sentence);
}
