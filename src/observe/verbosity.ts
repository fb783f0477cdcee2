import { type LogLevel, logLevels } from '../ports/log.js';

/** How much is logged; it may change while the process runs. */
export class Verbosity {
  readonly configured: LogLevel;
  #current: LogLevel;

  constructor(configured: LogLevel) {
    this.configured = configured;
    this.#current = configured;
  }

  get current(): LogLevel {
    return this.#current;
  }

  set(level: LogLevel): void {
    this.#current = level;
  }

  /** Whether lines of this level are logged now. */
  shows(level: LogLevel): boolean {
    return logLevels.indexOf(level) <= logLevels.indexOf(this.#current);
  }
}
