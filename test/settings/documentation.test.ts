import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { settingRows } from '../../src/settings/environment/settings-table.js';
import { helpText } from '../../src/settings/help-text.js';
import {
  documentKeys,
  physicalFunctionKeys,
  virtualFunctionKeys,
} from '../../src/settings/pci-config/pci-config-keys.js';
import { renderAll, renderConfigurationDoc } from '../../src/settings/render-documentation.js';

const read = (path: string): string => readFileSync(path, 'utf8');
const names = settingRows.flatMap(([, { variable, older = [] }]) => [variable, ...older]);

describe('the documentation of the settings', () => {
  for (const { path, text } of renderAll(read)) {
    it(`is what the tables say (${path}); otherwise run "npm run generate"`, () => expect(read(path)).to.equal(text));
  }

  it('has every variable and every key of pci.config', () => {
    const page = read('docs/configuration.md');
    const keys = [documentKeys, physicalFunctionKeys, virtualFunctionKeys].flatMap((level) => Object.keys(level));
    for (const name of [...names, ...keys]) expect(page).to.match(new RegExp(`[\`.]${name}\``));
  });

  it('keeps the text around its tables, and needs their marks', () => {
    expect(renderConfigurationDoc(read('docs/configuration.md'))).to.match(/^# Configuration\n/);
    expect(() => renderConfigurationDoc('# Configuration\n')).to.throw('lacks <!-- generated: settings -->');
  });
});

describe('forwarder-sriov --help', () => {
  it('has every variable, its default and its meaning', () => {
    const unbroken = helpText().replace(/\s+/g, ' ');
    for (const name of names) expect(unbroken).to.contain(name);
    for (const [, { default: text, meaning }] of settingRows) {
      expect(unbroken).to.contain(meaning.replaceAll('`', ''));
      if (text !== undefined && text !== '') expect(unbroken).to.contain(`default ${text}`);
    }
  });

  it('says which variable must be set', () => {
    expect(helpText()).to.match(/SPIFFE_ENDPOINT_SOCKET\n.*\n +URL, required\n/);
  });

  it('fits a terminal of 100 columns', () => {
    for (const line of helpText().split('\n')) expect(line.length, line).to.be.at.most(100);
  });
});
