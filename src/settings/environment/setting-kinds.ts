import { type LogLevel, logLevels } from '../../ports/log.js';
import { broken, type Parsed, valid } from '../parsed.js';
import { parseCommaList, parseCommaMap, parseDistinctNames } from './comma-separated.js';
import { parseGoBoolean } from './go-boolean.js';
import { parsePositiveGoDuration } from './go-duration.js';
import { type HostPort, parseDialAddress, parseListenAddress } from './host-port.js';
import { parseLogLevel } from './log-level.js';
import { parseResourceNames } from './resource-names.js';
import { parseDialUrl, parseListenUrl, type SocketUrl } from './socket-url.js';
import { parseSpiffeTemplate } from './spiffe-template.js';

/** A type of setting: its name in the documentation, the form of its values for people, and its reader. */
export interface SettingKind<T> {
  readonly label: string;
  readonly form: string;
  parse(text: string): Parsed<T>;
}

function nonEmpty(text: string): Parsed<string> {
  return text.trim() === '' ? broken('must not be empty') : valid(text);
}

export const text: SettingKind<string> = {
  label: 'text',
  form: 'any text, not empty',
  parse: nonEmpty,
};

export const path: SettingKind<string> = {
  label: 'path',
  form: 'a path, not empty; a relative one starts at the working directory',
  parse: nonEmpty,
};

export const absolutePath: SettingKind<string> = {
  label: 'absolute path',
  form: '`/absolute/path`',
  parse: (given) => (given.startsWith('/') ? valid(given) : broken('must be an absolute path, beginning with /')),
};

export const duration: SettingKind<number> = {
  label: 'duration',
  form: 'numbers with units, as in `10m`, `1h30m`, `2.5s` or `750ms`; the units are h, m, s, ms, us and ns; more than 0',
  parse: parsePositiveGoDuration,
};

export const boolean: SettingKind<boolean> = {
  label: 'boolean',
  form: '`1`, `t`, `T`, `true`, `TRUE`, `True` or `0`, `f`, `F`, `false`, `FALSE`, `False`',
  parse: parseGoBoolean,
};

export const list: SettingKind<readonly string[]> = {
  label: 'list',
  form: '`a,b,c`; empty text is the empty list',
  parse: parseCommaList,
};

export const names: SettingKind<readonly string[]> = {
  label: 'names',
  form: '`a` or `a,b,c`, none of them twice, at least one',
  parse: parseDistinctNames,
};

export const resourceNames: SettingKind<readonly string[]> = {
  label: 'resource names',
  form: '`domain/capability,domain/capability`, none of them twice; empty text is the empty list',
  parse: parseResourceNames,
};

export const map: SettingKind<Readonly<Record<string, string>>> = {
  label: 'map',
  form: '`k:v,k:v`, no key twice; empty text is the empty map',
  parse: parseCommaMap,
};

export const spiffeTemplate: SettingKind<string> = {
  label: 'SPIFFE ID template',
  form: '`spiffe://domain/path` with `{namespace}` or `{pod}` or both in its path, each for text without a slash',
  parse: parseSpiffeTemplate,
};

export const dialUrl: SettingKind<SocketUrl> = {
  label: 'URL',
  form: '`unix:///absolute/path` or `tcp://host:port`',
  parse: parseDialUrl,
};

export const listenUrl: SettingKind<SocketUrl> = {
  label: 'listen URL',
  form: '`unix:///absolute/path` or `tcp://host:port`; no host means every interface, port 0 any free port',
  parse: parseListenUrl,
};

export const dialAddress: SettingKind<HostPort> = {
  label: 'address',
  form: '`host:port` or `[v6]:port`',
  parse: parseDialAddress,
};

export const listenAddress: SettingKind<HostPort> = {
  label: 'listen address',
  form: '`host:port`, `[v6]:port` or `:port`, which means every interface',
  parse: parseListenAddress,
};

export const logLevel: SettingKind<LogLevel> = {
  label: 'log level',
  form: `${logLevels.map((level) => `\`${level}\``).join(', ')} (or \`warning\`), in any letter case`,
  parse: parseLogLevel,
};

/** One of a few words. */
export function oneOf<const T extends string>(...words: readonly T[]): SettingKind<T> {
  const form = words.map((word) => `\`${word}\``).join(' or ');
  return {
    label: words.join(' or '),
    form,
    parse: (given) => {
      const word = words.find((known) => known === given);
      return word === undefined ? broken(`must be ${words.join(' or ')}`) : valid(word);
    },
  };
}

/** The same kind, where the empty text means "none". */
export function optional<T>(kind: SettingKind<T>): SettingKind<T | undefined> {
  return { ...kind, parse: (given) => (given === '' ? valid(undefined) : kind.parse(given)) };
}

/** The same kind, where the empty text means `value`. */
export function whenEmpty<T>(value: T, kind: SettingKind<T>): SettingKind<T> {
  return { ...kind, parse: (given) => (given === '' ? valid(value) : kind.parse(given)) };
}
