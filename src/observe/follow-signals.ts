import type { EventEmitter } from 'node:events';
import type { Log } from '../ports/log.js';
import type { Verbosity } from './verbosity.js';

/**
 * SIGUSR1 shows everything, SIGUSR2 goes back to what was configured (nsm-wire 7.3). Both are taken in any case: left
 * alone, the first one opens Node's inspector and the second one ends the process.
 *
 * @param signals - the process
 */
export function followSignals(signals: Pick<EventEmitter, 'on'>, verbosity: Verbosity, log: Log): void {
  const set = (level: Verbosity['current']) => {
    verbosity.set(level);
    log.info(`log level is ${level} now`);
  };
  signals.on('SIGUSR1', () => set('trace'));
  signals.on('SIGUSR2', () => set(verbosity.configured));
}
