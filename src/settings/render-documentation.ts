import type { Setting } from './environment/setting.js';
import { listSettingTypes } from './environment/setting-types.js';
import { settingRows } from './environment/settings-table.js';
import { documentKeys, physicalFunctionKeys, virtualFunctionKeys } from './pci-config/pci-config-keys.js';
import { pciConfigSchema } from './pci-config/pci-config-schema.js';
import type { ConfigKeys } from './pci-config/record-value.js';

/** A file that follows from the tables here, by its path from the root of the repository. */
interface RenderedFile {
  readonly path: string;
  readonly text: string;
}

const documentationPath = 'docs/configuration.md';
const schemaPath = 'docs/pci-config.schema.json';

function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function code(text: string): string {
  return `\`${text}\``;
}

function defaultOf(setting: Setting<unknown>): string {
  if (setting.default === undefined) return 'required';
  return setting.default === '' ? 'unset' : code(setting.default);
}

function settingsSection(): string {
  const rows = settingRows.map(([, setting]) => {
    const older = (setting.older ?? []).map((name) => `, older ${code(name)}`).join('');
    return [code(setting.variable) + older, setting.kind.label, defaultOf(setting), setting.meaning];
  });
  return table(['Variable', 'Type', 'Default', 'Meaning'], rows);
}

function typesSection(): string {
  return table(
    ['Type', 'Values'],
    listSettingTypes().map(({ label, form }) => [label, form]),
  );
}

function keysSection(): string {
  const levels: readonly (readonly [string, ConfigKeys])[] = [
    ['', documentKeys],
    ['physicalFunctions.<address>.', physicalFunctionKeys],
    ['physicalFunctions.<address>.virtualFunctions[].', virtualFunctionKeys],
  ];
  const rows = levels.flatMap(([prefix, keys]) =>
    Object.entries(keys).map(([name, { value, required, meaning }]) => [
      code(prefix + name),
      value.label,
      required ? 'yes' : 'no',
      meaning,
    ]),
  );
  return table(['Key', 'Type', 'Required', 'Meaning'], rows);
}

const sections: Readonly<Record<string, () => string>> = {
  settings: settingsSection,
  types: typesSection,
  'pci.config keys': keysSection,
};

/**
 * The page with its tables renewed: whatever stands between `<!-- generated: x -->` and `<!-- end of x -->` is
 * replaced, everything else is left alone.
 *
 * @throws Error when the page lacks the marks of a table
 */
export function renderConfigurationDoc(page: string): string {
  return Object.entries(sections).reduce((text, [name, render]) => {
    const [begin, end] = [`<!-- generated: ${name} -->`, `<!-- end of ${name} -->`];
    const [from, to] = [text.indexOf(begin), text.indexOf(end)];
    if (from < 0 || to < from) throw new Error(`${documentationPath} lacks ${begin} ... ${end}`);
    return `${text.slice(0, from)}${begin}\n\n${render()}\n\n${text.slice(to)}`;
  }, page);
}

/** JSON as the formatter of this repository leaves it: lists of texts stand on one line. */
function toJson(value: unknown): string {
  const text = JSON.stringify(value, null, 2);
  return `${text.replace(
    /\[\s+((?:"[^"\n]*",?\s+)+)\]/g,
    (_, items: string) =>
      `[${items
        .trim()
        .split(/\s+(?=")/)
        .join(' ')}]`,
  )}\n`;
}

/** Every generated file of this folder; `read` gives the present text of a file. */
export function renderAll(read: (path: string) => string): readonly RenderedFile[] {
  return [
    { path: documentationPath, text: renderConfigurationDoc(read(documentationPath)) },
    { path: schemaPath, text: toJson(pciConfigSchema()) },
  ];
}
