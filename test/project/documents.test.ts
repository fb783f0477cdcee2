import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const root = fileURLToPath(new URL('../../', import.meta.url));
const read = (file: string) => readFileSync(join(root, file), 'utf8');
const listed = (folder: string) => readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' });
const pages = ['README.md', ...listed('docs').map((file) => `docs/${file}`)].filter((file) => file.endsWith('.md'));
const { scripts } = JSON.parse(read('package.json')) as { readonly scripts: Record<string, string> };

describe('documents', () => {
  for (const page of pages) {
    const text = read(page);

    it(`${page} links only to what there is`, () => {
      const targets = [...text.matchAll(/\]\(([^)#:]+)(?:#[^)]*)?\)/g)].map(([, target = '']) => target);
      expect(targets.filter((target) => !existsSync(join(root, dirname(page), target)))).to.deep.equal([]);
    });

    it(`${page} names only scripts that package.json has`, () => {
      const named = [...text.matchAll(/npm run ([a-z0-9:]+)/g)].map(([, script = '']) => script);
      expect(named.filter((script) => !(script in scripts))).to.deep.equal([]);
    });
  }

  it('decisions say context, decision and consequence, in 40 lines at most', () => {
    for (const page of pages.filter((it) => /^docs\/decisions\/(?!dependencies)/.test(it))) {
      const lines = read(page).trimEnd().split('\n');
      const headings = lines.filter((line) => line.startsWith('## '));
      expect(headings, page).to.deep.equal(['## Context', '## Decision', '## Consequence']);
      expect(lines.length, page).to.be.at.most(40);
    }
  });
});

describe('docs/operations.md', () => {
  const page = read('docs/operations.md');

  it('explains only messages that the program has', () => {
    const sources = listed('src')
      .filter((file) => file.endsWith('.ts'))
      .map((file) => read(`src/${file}`));
    const [, table = ''] = page.split('| The message contains |');
    const messages = [...table.matchAll(/^\| `([^`]+)`/gm)].map(([, message = '']) => message);
    expect(messages).not.to.be.empty;
    expect(messages.filter((it) => !sources.some((source) => source.includes(it)))).to.deep.equal([]);
  });

  it('knows the signals and exit codes of the program', () => {
    const main = read('src/main.ts');
    const [, signals = ''] = /for \(const name of \[(.*?)\]/.exec(main) ?? [];
    const names = [...signals.matchAll(/SIG(\w+)/g)].map(([, name]) => name);
    expect(names).to.have.members(['INT', 'TERM', 'HUP', 'QUIT']);
    expect(page).to.contain('| INT, TERM, HUP, QUIT | an orderly end');
    expect(main)
      .to.match(/const failed = 1;/)
      .and.to.match(/const misconfigured = 2;/);
    expect(page)
      .to.match(/^\| 1 \| something failed/m)
      .and.to.match(/^\| 2 \| the configuration/m);
  });

  it('tells the memory that the manifest gives', () => {
    const amounts = [...read('deployments/forwarder-sriov.yaml').matchAll(/memory: (\d+)Mi/g)].map(([, it]) => it);
    expect(page).to.contain(`requests ${amounts[0]} MiB and allows ${amounts[1]} MiB`);
  });
});
