/** The sources as the rules of the architecture see them. */

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

export interface Source {
  /** From the root: `core/base/errors.ts`. */
  readonly file: string;
  /** The project's files that it imports, those of types included, named in the same way. */
  readonly imports: readonly string[];
  readonly text: string;
}

const STATIC = /^(?:import|export)\b[^;'"]*\bfrom\s*['"]([^'"]+)['"]/gm;
const FOR_EFFECT = /^import\s*['"]([^'"]+)['"]/gm;
/** A promise of a module, or as in `import('./errors.js').EvolveError` a type. */
const DYNAMIC = /\bimport\(\s*['"]([^'"]+)['"]/g;
const PACKAGE = 'evolving-alpaca';

/** Makes a source of its name and its text. */
export function sourceOf(file: string, text: string): Source {
  const specifiers = [STATIC, FOR_EFFECT, DYNAMIC].flatMap((form) =>
    [...text.matchAll(form)].map(([, specifier]) => specifier),
  );
  return { file, text, imports: specifiers.flatMap((specifier) => resolve(file, specifier)) };
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
  return folders
    .filter((folder) => existsSync(path.join(root, folder)))
    .flatMap((folder) =>
      readdirSync(path.join(root, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && /\.(ts|cpp|hpp)$/.test(entry.name))
        .map((entry) => path.join(entry.parentPath, entry.name)),
    )
    .sort()
    .map((file) => sourceOf(path.relative(root, file).split(path.sep).join('/'), readFileSync(file, 'utf8')));
}
