import { readdirSync, readFileSync } from 'node:fs';

/** A test whose title carries the ids of defects that it refutes. Values filled into a title are shown as `…`. */
export interface ProvingTest {
  /** From the root of the repository. */
  readonly file: string;
  readonly title: string;
  readonly ids: readonly string[];
}

/** A row of docs/compared-with-go.md. */
export interface Row {
  readonly id: string;
  /** The last cell: named tests, or words that say why there is none. */
  readonly shown: string;
  readonly named: readonly Pick<ProvingTest, 'file' | 'title'>[];
}

const id = '(?:B17b|[BSLRHPFATKNOC]\\d{1,2})';
const idList = new RegExp(`\\b${id}(?:, (?:${id}))*(?=:)`, 'g');
const titles = /(?:\b(?:it|describe)\(\s*|\btitle: )(['"`])((?:\\.|(?!\1)[^\\])*)\1/g;

/** All tests below `test` whose titles carry ids, as they stand in the source. */
export function provingTests(root: string): ProvingTest[] {
  const files = readdirSync(`${root}test`, { recursive: true, encoding: 'utf8' });
  return files
    .filter((file) => file.endsWith('.ts'))
    .sort()
    .flatMap((file) => {
      const source = readFileSync(`${root}test/${file}`, 'utf8');
      return [...source.matchAll(titles)].map(([, , text = '']) => ({ file: `test/${file}`, ...readTitle(text) }));
    })
    .filter(({ ids }) => ids.length > 0);
}

function readTitle(text: string): Pick<ProvingTest, 'title' | 'ids'> {
  const title = text.replace(/\$\{[^}]*\}/g, '…').replace(/\\(.)/g, '$1');
  return { title, ids: [...title.matchAll(idList)].flatMap(([list]) => list.split(', ')) };
}

/** The rows of the page, in order. */
export function parseRows(page: string): Row[] {
  return [...page.matchAll(new RegExp(`^\\| (${id}) \\|.*\\| (.*) \\|$`, 'gm'))].map(([, key = '', shown = '']) => ({
    id: key,
    shown,
    named: [...shown.matchAll(/\]\(\.\.\/([^)]+)\): “(.*?)”(?=<br>|$)/g)].map(([, file = '', title = '']) => ({
      file,
      title,
    })),
  }));
}

/** The page with a last cell that names two tests at most, for each row whose cell names none or one that is gone. */
export function completed(page: string, tests: readonly ProvingTest[]): string {
  return page
    .split('\n')
    .map((line) => {
      const [row] = parseRows(line);
      return row === undefined ? line : completedRow(line, row, tests);
    })
    .join('\n');
}

function completedRow(line: string, { id: key, shown, named }: Row, tests: readonly ProvingTest[]): string {
  if (named.length > 0 && named.every((it) => isAmong(tests, it, key))) return line;
  const found = tests.filter(({ ids }) => ids.includes(key)).sort((a, b) => a.ids.length - b.ids.length);
  if (found.length === 0) return line;
  const cell = found.slice(0, 2).map(reference).join('<br>');
  return `${line.slice(0, -`${shown} |`.length)}${cell} |`;
}

/** Whether a named test exists and carries the id. */
export function isAmong(tests: readonly ProvingTest[], named: Row['named'][number], key: string): boolean {
  return tests.some(({ file, title, ids }) => file === named.file && title === named.title && ids.includes(key));
}

function reference({ file, title }: ProvingTest): string {
  const short = file.replace(/^test\//, '').replace(/(\.test)?\.ts$/, '');
  return `[${short}](../${file}): “${title}”`;
}
