import type { SettingKind } from './setting-kinds.js';

/** One environment variable. */
export interface Setting<T> {
  readonly variable: string;
  /** Older names, still read: the newer wins, a warning names the older. */
  readonly older?: readonly string[];
  readonly kind: SettingKind<T>;
  /** As one would write it in the environment: what an unset variable means. A variable without one is required. */
  readonly default?: string;
  /** A sentence for people. */
  readonly meaning: string;
}
