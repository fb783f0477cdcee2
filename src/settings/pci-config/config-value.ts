import type { ConfigSource, Located } from './config-source.js';

/** A fragment of a JSON Schema (draft 2020-12). */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** A type of value in the file: what documentation and schema say of it, and its reader. */
export interface ConfigValue<T> {
  /** For the documentation, as in "list of addresses". */
  readonly label: string;
  readonly schema: JsonSchema;
  /** The value; undefined when it is wrong, and then the source has been told. What it gets is never empty. */
  read(at: Located, source: ConfigSource): T | undefined;
}
