/** The sources as the rules of the architecture see them. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { type Node, type SourceFile, SyntaxKind } from 'typescript/unstable/ast';
import {
  isBinaryExpression,
  isCallExpression,
  isIdentifier,
  isNoSubstitutionTemplateLiteral,
  isStringLiteral,
  isTemplateExpression,
} from 'typescript/unstable/ast/is';
import { API } from 'typescript/unstable/sync';

export interface Source {
  /** From the root: `core/base/errors.ts`. */
  readonly file: string;
  /** The project's files that it imports, those of types included, named in the same way. */
  readonly imports: readonly string[];
  readonly text: string;
}

const PACKAGE = 'evolving-alpaca';

/** The compiler, a process that ends with this one, and the files that it sees, which are not on the disk. */
const typescript = startTypescript();

function startTypescript() {
  const files = new Map<string, string>();
  const api = new API({
    fs: {
      readFile: (file) => files.get(file) ?? null,
      fileExists: (file) => files.has(file),
      directoryExists: () => false,
    },
  });
  return { api, files, projects: 0 };
}

/** Makes a source of its name and its text. */
export function sourceOf(file: string, text: string): Source {
  return sourcesOf(new Map([[file, text]]))[0];
}

/** Makes sources of names and texts. TypeScript itself parses them, so that it decides what an import is. */
export function sourcesOf(texts: ReadonlyMap<string, string>): Source[] {
  const folder = `/${typescript.projects++}`;
  const parsed = [...texts].filter(([file]) => file.endsWith('.ts'));
  const compilerOptions = { noLib: true, noResolve: true, types: [] };
  const project = `${folder}/tsconfig.json`;
  typescript.files.set(project, JSON.stringify({ compilerOptions, files: parsed.map(([file]) => file) }));
  for (const [file, text] of parsed) typescript.files.set(`${folder}/${file}`, text);
  const { program } = typescript.api.updateSnapshot({ openProjects: [project] }).getProject(project) ?? {};
  return [...texts].map(([file, text]) => {
    const tree = program?.getSourceFile(`${folder}/${file}`);
    if (!tree && file.endsWith('.ts')) throw new Error(`TypeScript did not parse ${file}`);
    const specifiers = tree ? specifiersOf(tree) : [];
    return { file, text, imports: specifiers.flatMap((specifier) => resolve(file, specifier)) };
  });
}

/**
 * What a file imports, in every form that there is. Of a name that is put together when the program runs, as in
 * import(`../plugins/${name}.js`), it is the beginning.
 */
function specifiersOf(tree: SourceFile): string[] {
  const found = new Set([
    ...tree.imports.map(beginningOf),
    ...tree.referencedFiles.map(({ fileName }) => fileName),
  ]);
  const visit = (node: Node): void => {
    if (isCallExpression(node) && node.arguments.length > 0) {
      const { expression: called } = node;
      const requires = isIdentifier(called) && called.text === 'require';
      if (requires || called.kind === SyntaxKind.ImportKeyword) found.add(beginningOf(node.arguments[0]));
    }
    node.forEachChild(visit);
  };
  visit(tree);
  return [...found];
}

/** The text that a literal, a template or a sum of texts begins with; empty where it is not known. */
function beginningOf(node: Node): string {
  if (isStringLiteral(node) || isNoSubstitutionTemplateLiteral(node)) return node.text;
  if (isTemplateExpression(node)) return node.head.text;
  return isBinaryExpression(node) ? beginningOf(node.left) : '';
}

/** None for what is no file of the project. */
function resolve(file: string, specifier: string): string[] {
  if (specifier.startsWith('.'))
    return [path.posix.join(path.posix.dirname(file), specifier).replace(/\.js$/, '.ts')];
  if (specifier === PACKAGE) return ['core/index.ts'];
  if (specifier.startsWith(`${PACKAGE}/`))
    return [`plugins/${specifier.slice(PACKAGE.length + 1)}/kit/index.ts`];
  return [];
}

/** Every source file in these folders of `root`. */
export function readSources(root: string, folders: readonly string[]): Source[] {
  const files = folders
    .filter((folder) => existsSync(path.join(root, folder)))
    .flatMap((folder) =>
      readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && /\.(ts|cpp|hpp)$/.test(entry.name))
        .map((entry) => path.join(entry.parentPath, entry.name)),
    )
    .sort();
  const nameOf = (file: string) => path.relative(root, file).split(path.sep).join('/');
  return sourcesOf(new Map(files.map((file) => [nameOf(file), readFileSync(file, 'utf8')])));
}
