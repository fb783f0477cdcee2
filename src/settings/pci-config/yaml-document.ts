import { Composer, type CST, type Document, isAlias, LineCounter, type ParsedNode, Parser, visit } from 'yaml';
import { ConfigSource } from './config-source.js';
import { findTooDeep } from './yaml-nesting.js';

type YamlDocument = Document.Parsed<ParsedNode>;

/** One YAML document, ready to be read; `contents` is null when there is none, or when the source has failed. */
interface ReadDocument {
  readonly source: ConfigSource;
  readonly contents: ParsedNode | null;
}

const mostAliases = 100;

function compose(tokens: readonly CST.Token[]): readonly YamlDocument[] {
  // Under "failsafe" every scalar is text: in other schemas 01:00.0, 1e3 and 0x10 are numbers.
  const composer = new Composer({ version: '1.2', schema: 'failsafe', uniqueKeys: false, logLevel: 'silent' });
  return [...composer.compose(tokens)] as YamlDocument[];
}

function checkVersion(text: string, document: YamlDocument, source: ConfigSource): void {
  const directives = text.slice(0, document.range[0]);
  const version = /^%YAML[ \t]+(\S+)/m.exec(directives);
  if (version !== null && version[1] !== '1.2') {
    source.error(version.index, `%YAML ${version[1]}: the file must be YAML 1.2, which needs no directive`);
  }
}

function checkAliases(document: YamlDocument, source: ConfigSource): void {
  let count = 0;
  visit(document, {
    Alias: (_, alias) => {
      count += 1;
      if (count <= mostAliases) return undefined;
      source.error(alias.range?.[0] ?? 0, `there are more than ${mostAliases} aliases`);
      return visit.BREAK;
    },
  });
}

function checkDocument(text: string, document: YamlDocument, source: ConfigSource): void {
  for (const { pos, message } of document.errors) source.error(pos[0], `the YAML is broken: ${message}`);
  for (const { pos, message } of document.warnings) source.warn(pos[0], message);
  checkVersion(text, document, source);
  checkAliases(document, source);
}

/** Reads a text as one YAML 1.2 document in which every scalar is text. What is wrong with it goes to the source. */
export function readYaml(text: string, file: string): ReadDocument {
  const lines = new LineCounter();
  let documents: readonly YamlDocument[] = [];
  const source = new ConfigSource(file, lines, (alias) =>
    isAlias(alias) && documents[0] !== undefined ? alias.resolve(documents[0]) : undefined,
  );
  const plain = text.replace(/^\ufeff/, '');
  const tokens = [...new Parser(lines.addNewLine).parse(plain)];
  const tooDeep = findTooDeep(tokens);
  if (tooDeep === undefined) documents = compose(tokens);
  else source.error(tooDeep, 'maps and lists are nested too deep');
  const [document, second] = documents;
  if (document !== undefined) checkDocument(plain, document, source);
  if (second !== undefined) source.error(second.range[0], 'there must be one YAML document and a second one begins');
  return { source, contents: source.failed ? null : (document?.contents ?? null) };
}
