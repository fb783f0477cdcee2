import { customCleanEnv, EnvError, makeExactValidator, type RequiredValidatorSpec } from 'envalid';
import { ForwarderError } from '../../ports/error.js';
import { deepFreeze } from '../deep-freeze.js';
import { quoted } from '../quoted.js';
import type { Reading } from '../reading.js';
import type { Setting } from './setting.js';
import type { Settings } from './settings.js';
import { settingRows } from './settings-table.js';
import { type Environment, findSpelling, type SpelledVariable } from './spelled-variables.js';
import { warnOfUnknownVariables } from './unknown-variables.js';

/** Envalid takes undefined for "missing"; in a box it is a value like others. */
interface Boxed {
  readonly value: unknown;
}

function boxed(setting: Setting<unknown>, text: string): Boxed {
  const parsed = setting.kind.parse(text);
  if (!parsed.ok) throw new EnvError(parsed.rule);
  return { value: parsed.value };
}

function specOf(setting: Setting<unknown>): RequiredValidatorSpec<Boxed> {
  const validator = makeExactValidator<Boxed>((text) => boxed(setting, text));
  return setting.default === undefined
    ? validator({ desc: setting.meaning })
    : validator({ desc: setting.meaning, default: boxed(setting, setting.default) });
}

function wording(setting: Setting<unknown>, given: SpelledVariable | undefined, rule: string): string {
  return given === undefined
    ? `${setting.variable} is not set and has no default: it must be ${setting.kind.form.replaceAll('`', '')}`
    : `${given.variable}=${quoted(given.text)}: ${rule}`;
}

/** Rules that concern two settings at once. */
function conflicts(settings: Settings): readonly string[] {
  const rules: string[] = [];
  if (settings.telemetry && settings.openTelemetryEndpoint === undefined) {
    rules.push('NSM_OPEN_TELEMETRY_ENDPOINT="": must not be empty while TELEMETRY is on');
  }
  if (settings.pprofEnabled && settings.pprofListenOn === undefined) {
    rules.push('NSM_PPROF_LISTEN_ON="": must not be empty while NSM_PPROF_ENABLED is on');
  }
  return rules;
}

function validate(given: ReadonlyMap<keyof Settings, SpelledVariable>): Settings | readonly string[] {
  let failures: Partial<Record<string, Error>> = {};
  const texts = Object.fromEntries([...given].map(([key, { text }]) => [key, text]));
  const specs = Object.fromEntries(settingRows.map(([key, setting]) => [key, specOf(setting)]));
  const boxes = customCleanEnv(texts, specs, (cleaned) => cleaned as unknown as Record<string, Boxed>, {
    reporter: ({ errors }) => {
      failures = errors;
    },
  });
  const rules = settingRows.flatMap(([key, setting]) => {
    const failure = failures[key];
    return failure === undefined ? [] : [wording(setting, given.get(key), failure.message)];
  });
  if (rules.length > 0) return rules;
  const values = Object.entries(boxes).map(([key, { value }]) => [key, value]);
  const settings = Object.fromEntries(values) as Settings;
  const conflicting = conflicts(settings);
  return conflicting.length > 0 ? conflicting : settings;
}

function isRules(outcome: Settings | readonly string[]): outcome is readonly string[] {
  return Array.isArray(outcome);
}

/**
 * Reads the environment by the table of settings. An unset variable means its default; a variable set to the empty
 * text means that text (nsm-wire.md 7.1). The error lists every wrong variable with its value and its rule; warnings
 * name older spellings and unknown `NSM_` variables.
 */
export function readSettings(env: Environment): Reading<Settings> {
  const warnings: string[] = [];
  const given = new Map<keyof Settings, SpelledVariable>();
  for (const [key, setting] of settingRows) {
    const spelled = findSpelling(setting, env, (warning) => warnings.push(warning));
    if (spelled !== undefined) given.set(key, spelled);
  }
  warnings.push(...warnOfUnknownVariables(env));
  const outcome = validate(given);
  if (!isRules(outcome)) return { ok: true, value: deepFreeze(outcome), warnings };
  const error = new ForwarderError('invalid', ['the environment is not usable:', ...outcome].join('\n  '));
  return { ok: false, error, warnings };
}
