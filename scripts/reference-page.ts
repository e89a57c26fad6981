/**
 * The reference of the SDK as one page, from the doc comments of what `holdfast` and `holdfast/conformance` export.
 *
 * Declarations stand there as they stand in the source, without bodies: a comment on a member is what it owes.
 */

import { dirname, join } from 'node:path';
import { type ExportDeclaration, Node, Project, type SourceFile, type Statement } from 'ts-morph';

const parts = [
  { title: 'holdfast', entry: 'src/core/index.ts' },
  { title: 'holdfast/conformance', entry: 'src/core/conformance/index.ts' },
] as const;

const head = `# Reference of the SDK

Made by \`npm run docs\` from the doc comments; [how to write an addin](write-an-addin.md) is the place to begin.
`;

export function referencePage(): string {
  const project = new Project({ skipAddingFilesFromTsConfig: true, skipFileDependencyResolution: true });
  const read = (path: string): SourceFile => project.getSourceFile(path) ?? project.addSourceFileAtPath(path);
  const sections = parts.flatMap(({ title, entry }) => [
    `## ${title}`,
    ...read(entry)
      .getExportDeclarations()
      .flatMap((one) => sectionOf(read(join(dirname(entry), one.getModuleSpecifierValue()!)), namesOf(one))),
  ]);
  return `${[head.trimEnd(), ...sections].join('\n\n')}\n`;
}

/** Null: all that the module exports. */
const namesOf = (one: ExportDeclaration): ReadonlySet<string> | null =>
  one.isNamespaceExport() ? null : new Set(one.getNamedExports().map((named) => named.getName()));

function sectionOf(file: SourceFile, names: ReadonlySet<string> | null): string[] {
  const blocks = file.getStatements().flatMap((statement) => blockOf(statement, names));
  if (blocks.length === 0) return [];
  const intro = /^\/\*\*([\s\S]*?)\*\//.exec(file.getFullText())?.[1] ?? '';
  return [
    `### ${file.getBaseNameWithoutExtension()}`,
    plain(intro),
    `\`\`\`ts\n${blocks.join('\n\n')}\n\`\`\``,
  ];
}

const plain = (comment: string): string =>
  comment
    .split('\n')
    .map((line) => line.replace(/^\s*\* ?/, ''))
    .join('\n')
    .trim();

function blockOf(statement: Statement, names: ReadonlySet<string> | null): string[] {
  if (!Node.isExportable(statement)) return [];
  // What an exported interface of a contract extends belongs to it.
  const inContract = statement.getSourceFile().getFilePath().includes('/contracts/');
  if (!statement.isExported() && !(inContract && Node.isInterfaceDeclaration(statement))) return [];
  const declared = Node.isVariableStatement(statement) ? statement.getDeclarations() : [statement];
  const shown = declared.some((one) => {
    const name = Node.hasName(one) || Node.isNameable(one) ? one.getName() : undefined;
    return names === null || (name !== undefined && names.has(name));
  });
  if (!shown) return [];
  const comment = Node.isJSDocable(statement) ? statement.getJsDocs().map((one) => `${one.getText()}\n`) : [];
  return [`${comment.join('')}${signatureOf(statement)}`];
}

/** Without the bodies of functions and the values of long constants. */
function signatureOf(statement: Statement): string {
  if (Node.isFunctionDeclaration(statement)) {
    return `${textBefore(statement, statement.getBody()).trimEnd()};`;
  }
  if (Node.isClassDeclaration(statement)) {
    const members = statement.getMembers().map((member) => {
      const body = Node.isBodied(member) || Node.isBodyable(member) ? member.getBody() : undefined;
      const text = textBefore(member, body).trimEnd();
      return `  ${text}${text.endsWith(';') ? '' : ';'}`;
    });
    const [line = ''] = statement.getText().split('{');
    return `${line.trimEnd()} {\n${members.join('\n')}\n}`;
  }
  const text = statement.getText();
  if (!Node.isVariableStatement(statement) || text.split('\n').length <= 12) return text;
  const [declaration] = statement.getDeclarations();
  const type = declaration?.getTypeNode()?.getText();
  return `export const ${declaration?.getName()}${type === undefined ? '' : `: ${type}`};`;
}

function textBefore(node: Node, body: Node | undefined): string {
  const text = node.getText();
  return body === undefined ? text : text.slice(0, body.getStart() - node.getStart());
}
