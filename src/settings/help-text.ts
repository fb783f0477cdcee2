import type { Setting } from './environment/setting.js';
import { listSettingTypes } from './environment/setting-types.js';
import { settingRows } from './environment/settings-table.js';

const columns = 100;

function plain(markdown: string): string {
  return markdown.replaceAll('`', '');
}

/** Breaks a text between words; each line is indented by `indent` blanks. A word that is too long stays whole. */
function wrap(text: string, indent: number): string {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && indent + longer.length > columns) {
      lines.push(line);
      line = word;
    } else {
      line = longer;
    }
  }
  return [...lines, line].map((each) => ' '.repeat(indent) + each).join('\n');
}

function describe(setting: Setting<unknown>): string {
  const fallback =
    setting.default === undefined ? 'required' : setting.default === '' ? 'unset' : `default ${setting.default}`;
  const older = setting.older === undefined ? '' : ` (older name: ${setting.older.join(', ')})`;
  return [
    `  ${setting.variable}${older}`,
    wrap(plain(setting.meaning), 6),
    wrap(`${setting.kind.label}, ${fallback}`, 6),
  ].join('\n');
}

/** What `forwarder-sriov --help` prints: every variable with its meaning, type and default. At most 100 columns. */
export function helpText(): string {
  const types = listSettingTypes().map(({ label, form }) => wrap(`${label}: ${plain(form)}`, 2));
  return [
    'Usage: forwarder-sriov [--help | --version | --last-start]',
    '',
    'SR-IOV forwarder for Network Service Mesh. It takes no arguments: the environment configures it.',
    '',
    'Environment:',
    '',
    settingRows.map(([, setting]) => describe(setting)).join('\n\n'),
    '',
    'Types:',
    '',
    ...types,
    '',
    wrap('A variable set to the empty text is empty and does not take its default.', 0),
    wrap(
      'The file that NSM_SRIOV_CONFIG_FILE names lists the physical functions: see pci.config.example and docs/configuration.md.',
      0,
    ),
    '',
  ].join('\n');
}
